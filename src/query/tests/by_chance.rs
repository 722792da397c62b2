//! Statements by chance: some sound, some not, some of somebody who wants another's rows.

pub(super) struct Dice(u64);

const COLUMNS: &[&str] = &[
    "request_id",
    "book",
    "tenant",
    "principal",
    "seq",
    "time",
    "decision",
    "policies",
    "revealed",
    "type",
    "*",
    "nothing",
];
const SOURCES: &[&str] = &[
    "decisions",
    "decisions",
    "decisions",
    "decisions d",
    "public.decisions",
    "datafusion.public.decisions",
    "(SELECT * FROM decisions) t",
    "decisions a CROSS JOIN (SELECT 1) b",
    "globex",
    "books.globex",
    "\"books/globex\"",
    "information_schema.columns",
    "decisions JOIN decisions AS o USING (seq)",
    "(VALUES (1), (2)) v",
    "unnest([1, 2])",
    "'/etc/passwd'",
    "range(3)",
    "generate_series(1, 3)",
    "decisions TABLESAMPLE SYSTEM (10)",
];
const CONDITIONS: &[&str] = &[
    "true",
    "book = 'globex'",
    "book <> 'acme'",
    "1 = 1 OR book = 'globex'",
    "NOT mirror",
    "tenant LIKE '%lob%'",
    "seq % 2 = 1",
    "request_id IN (SELECT request_id FROM decisions WHERE book = 'globex')",
    "array_has(policies, 'clinicians')",
    "EXISTS (SELECT 1 FROM decisions x WHERE x.book = 'globex')",
    "time > now() - interval '1000 years'",
    "'' = ''; DROP TABLE decisions",
    "book = 'acme' OR true",
    "regexp_like(request_id, 'glo.*')",
    "length(request_id) > 0",
];
const WRAPS: &[&str] = &[
    "{}",
    "{}",
    "{}",
    "{}",
    "WITH decisions AS ({}) SELECT * FROM decisions",
    "{} UNION ALL SELECT * FROM decisions",
    "{} LIMIT 5",
    "{} ORDER BY 1 DESC",
    "SELECT * FROM ({}) AS q",
    "EXPLAIN {}",
    "COPY ({}) TO '/tmp/x'",
    "CREATE TABLE t AS {}",
    "{}; {}",
    "({})",
    "{} EXCEPT SELECT * FROM decisions WHERE book = 'acme'",
    "SELECT count(*) FROM ({}) AS q",
    "/* {} */ SELECT 1",
    "{} --",
];
const CALLS: &[&str] = &[
    "{}",
    "{}",
    "{}",
    "max({})",
    "count(DISTINCT {})",
    "array_agg({})",
    "cast({} AS varchar)",
    "coalesce({}, 'x')",
    "first_value({})",
    "arrow_typeof({})",
    "lag({}) OVER (ORDER BY seq)",
    "string_agg(cast({} AS varchar), ',')",
    "read_text({})",
    "(SELECT max({}) FROM decisions)",
];

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, count: usize) -> usize {
        // Xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % count
    }

    fn pick(&mut self, all: &[&str]) -> String {
        all[self.below(all.len())].to_owned()
    }

    pub(super) fn statement(&mut self, forbidden: &[String]) -> String {
        if self.below(8) == 0 {
            let mut one = forbidden[self.below(forbidden.len())].clone();
            if self.below(2) == 0 {
                one.push_str(&format!(" WHERE {}", self.pick(CONDITIONS)));
            }
            return one;
        }
        let plain: Vec<String> = (0..1 + self.below(3)).map(|_| self.pick(COLUMNS)).collect();
        let columns = if self.below(3) > 0 {
            plain
        } else {
            vec![{
                let call = self.pick(CALLS);
                call.replace("{}", &self.pick(COLUMNS))
            }]
        };
        let source = if self.below(3) > 0 { "decisions".to_owned() } else { self.pick(SOURCES) };
        let mut all = format!("SELECT {} FROM {source}", columns.join(", "));
        if self.below(3) > 0 {
            all.push_str(&format!(" WHERE {}", self.pick(CONDITIONS)));
        }
        let wrap = if self.below(2) > 0 { "{}".to_owned() } else { self.pick(WRAPS) };
        let all = wrap.replace("{}", &all);
        if self.below(6) > 0 {
            return all;
        }
        // A character less, more or other.
        let mut chars: Vec<char> = all.chars().collect();
        let at = self.below(chars.len());
        match self.below(3) {
            0 => drop(chars.remove(at)),
            1 => chars.insert(at, ['\'', '"', '(', ')', ';', '*', '/', '\\', '\0', 'é'][self.below(10)]),
            _ => chars.swap(at, 0),
        }
        chars.into_iter().collect()
    }
}
