//! Every bound of Palisade, with its unit and its reason. Nothing grows that has no line here.
//!
//! Bounds that an operator may move are the defaults of the config's `limits` section; the others are fixed.

mod archive;
mod door;
mod evidence;
mod graphql;
mod identity;
mod keys;
mod learned;
mod quota;
mod ship;
mod sockets;
mod upstream;

pub use archive::*;
pub use door::*;
pub use evidence::*;
pub use graphql::*;
pub use identity::*;
pub use keys::*;
pub use learned::*;
pub use quota::*;
pub use ship::*;
pub use sockets::*;
pub use upstream::*;

/// Longest segment of a tenant path, DataKey or class name, in bytes: the length of a DNS label (RFC 1035).
pub const SEGMENT_BYTES_MAX: usize = 63;
/// Deepest tenant, in segments.
pub const TENANT_DEPTH_MAX: usize = 8;
/// Deepest DataKey, in segments: a tenant's and as many again below it.
pub const DATA_KEY_DEPTH_MAX: usize = 16;
/// Deepest data class, in segments.
pub const CLASS_DEPTH_MAX: usize = 8;
/// Most data classes in one snapshot: a body's plan keeps them as a set of bits.
pub const CLASSES_MAX: usize = 256;
/// Most tenants in one snapshot.
pub const TENANTS_MAX: usize = 1_000_000;
/// Most routes in one snapshot.
pub const ROUTES_MAX: usize = 16_384;
/// Highest sensitivity level of a data class.
pub const LEVEL_MAX: u8 = 9;

/// Largest single file of a snapshot (policies, tenants, routes, OpenAPI, JWKS), in bytes.
pub const SOURCE_FILE_BYTES_MAX: u64 = 16 << 20;

/// Largest `palisade.yaml`, in bytes.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;
/// Most files in one snapshot.
pub const SOURCE_FILES_MAX: usize = 100_000;
/// Deepest nesting of brackets, `!`, `-` and `if` in a policy text. Cedar's parser recurses: 100 nested parentheses
/// overflow a 2 MiB stack and abort the process, so a text is scanned before it is parsed.
pub const POLICY_NESTING_MAX: usize = 24;
/// Most policies in one snapshot.
pub const POLICIES_MAX: usize = 1_000_000;
/// Most snapshots that were live and are kept until nobody has them, to be freed by the thread that reloads.
pub const SNAPSHOTS_RETIRED_MAX: usize = 16;
/// Most threads that check files at once, whatever the machine has: beyond it what is done whole takes longer.
pub const LOADING_THREADS_MAX: usize = 16;
/// The stack of each of them, in bytes: twice what a policy at its bounds was tested to pass on.
pub const LOADING_STACK_BYTES: usize = 4 << 20;
/// How far threads that can wait step behind those that serve requests, in steps of niceness: at 10 they get a tenth of a
/// core that both want.
pub const BACKGROUND_NICE: i32 = 10;

/// Longest bearer token or API key, in bytes.
pub const CREDENTIAL_BYTES_MAX: usize = 8 << 10;
/// Longest `kid` of a token or a key, in bytes: it is only ever compared.
pub const KID_BYTES_MAX: usize = 128;
/// Most roles, groups or scopes that one credential may carry, each.
pub const CLAIM_VALUES_MAX: usize = 256;
/// Longest principal id, role, group or scope, in bytes.
pub const CLAIM_BYTES_MAX: usize = 256;
/// Deepest delegation (`act` within `act`, RFC 8693).
pub const DELEGATION_DEPTH_MAX: usize = 4;
/// Most verified credentials that one worker remembers.
pub const VERIFIED_CREDENTIALS_MAX: usize = 10_000;
/// Longest that a verified credential is remembered, in seconds, however late it expires.
pub const VERIFIED_SECONDS_MAX: u64 = 300;
/// Largest allowed clock difference to an issuer, in seconds.
pub const CLOCK_SKEW_SECONDS_MAX: u64 = 60;

/// Most bytes of one request head (default).
pub const HEAD_BYTES_MAX: usize = 32 << 10;
/// Most header lines of one request (default).
pub const HEADERS_MAX: usize = 100;
/// Longest request target, in bytes (default).
pub const TARGET_BYTES_MAX: usize = 8 << 10;
/// Most segments of a request path.
pub const PATH_SEGMENTS_MAX: usize = 64;
/// Most bytes of one request body (default).
pub const BODY_BYTES_MAX: u64 = 64 << 20;
/// Most connections at once on one data listener (default), all workers together.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Most streams at once on one HTTP/2 connection (default).
pub const STREAMS_MAX: u32 = 100;

/// Deepest nesting of a JSON body.
pub const JSON_DEPTH_MAX: usize = 128;
/// Longest key of a JSON body, in bytes as sent.
pub const JSON_KEY_BYTES_MAX: usize = 1 << 10;
/// Longest number of a JSON body, in bytes.
pub const JSON_NUMBER_BYTES_MAX: usize = 1 << 10;
/// Longest text by which a row of the app's may name its owner, in bytes: it is looked up by each of its beginnings.
pub const APP_KEY_TEXT_BYTES_MAX: usize = 1 << 10;
/// Most strings that a JSON document stands in, each within the one before, of which something is to be hidden.
pub const JSON_IN_STRINGS_MAX: u8 = 3;
/// Most bytes of one row of which it is to be known whose it is, as it leaves: they are held until then.
pub const ROW_BYTES_MAX: usize = 1 << 20;
/// Longest value that a mask looks at, in bytes; a longer one is masked whole. Learning looks at so much of a text.
pub const MASKED_VALUE_BYTES_MAX: usize = 64 << 10;
/// Longest field of a form that may have to be hidden, and longest row of a table, in bytes as sent: it is held to its end.
pub const FIELD_BYTES_MAX: usize = 1 << 20;
/// Longest server-sent event, in bytes as sent: its lines are one text, and are held to its end.
pub const EVENT_BYTES_MAX: usize = 1 << 20;
/// Longest head of a part of `multipart/form-data`, in bytes.
pub const PART_HEAD_BYTES_MAX: usize = 8 << 10;
/// Most columns of a table.
pub const CSV_COLUMNS_MAX: usize = 4_096;
/// Longest tag of an XML body with its attributes, in bytes: it is held to its end.
pub const XML_TAG_BYTES_MAX: usize = 64 << 10;
/// Longest declaration of an XML body, in bytes.
pub const XML_DECLARATION_BYTES_MAX: usize = 256;
/// Most readings of one place of a body that is not JSON, as member or item.
pub const READINGS_MAX: usize = 64;
/// Longest message of Protocol Buffers, in bytes, decoded: it is held to its end. gRPC's own libraries take no longer one.
pub const PROTOBUF_BYTES_MAX: usize = 4 << 20;
/// Deepest nesting of messages of Protocol Buffers: their readers take 100.
pub const PROTOBUF_DEPTH_MAX: usize = 64;
/// Most bytes of a message of Protocol Buffers that stand in messages in pieces, which are put together.
pub const PROTOBUF_JOINED_MAX: usize = PROTOBUF_BYTES_MAX;
/// Longest that such a message may become as it may be seen, in bytes: each nothing in it may have a fixed text in its place.
/// So long is what leaves of one piece of a stream, too.
pub const PROTOBUF_REWRITTEN_MAX: usize = 16 << 20;
/// Most messages that descriptors may name.
pub const PROTOBUF_MESSAGES_MAX: usize = 65_536;
/// Deepest nesting of the types of messages.
pub const PROTOBUF_NESTED_TYPES_MAX: usize = 32;
/// Largest body of which `redact --diff` tells what would be hidden, in bytes.
pub const COMPARED_BODY_BYTES_MAX: u64 = 64 << 20;
/// Fewest digits of a text that is encrypted in its form: a million texts, which NIST SP 800-38G asks for.
pub const FORMAT_DIGITS_MIN: usize = 6;
/// Most digits of a text that is encrypted in its form.
pub const FORMAT_DIGITS_MAX: usize = 38;
/// Widest bucket that a mask puts numbers into.
pub const BUCKET_MAX: u32 = 1_000_000_000;
/// Longest text that a mask takes for a postcode, in bytes.
pub const POSTCODE_BYTES_MAX: usize = 12;
/// Most letters and digits that a mask keeps of a postcode.
pub const POSTCODE_PREFIX_MAX: u8 = 8;
/// Most bytes of a request's body that is held whole, because something must be known of all of it before its first byte
/// leaves; a lower bound of the configuration holds too.
pub const HELD_REQUEST_BYTES_MAX: u64 = 8 << 20;
/// Most places in a request's body that a refusal names.
pub const TOLD_PLACES_MAX: usize = 16;
/// Longest key that such a place names.
pub const TOLD_KEY_BYTES_MAX: usize = 64;
/// Longest pointer to such a place, in bytes; one that is longer is told as that of what stands around it.
pub const TOLD_POINTER_BYTES_MAX: usize = 512;
/// Most states of one compiled body shape.
pub const SHAPE_STATES_MAX: usize = 65_536;
/// A compressed body may grow by this factor once [`INFLATE_FREE_BYTES`] are out.
pub const INFLATE_RATIO_MAX: u64 = 100;
/// Largest window of a compressed body, in bytes: it is held while the body is decoded. RFC 8878 asks for as much of zstd.
pub const INFLATE_WINDOW_BYTES_MAX: u32 = 8 << 20;
/// The bytes that a compressed body may grow to whatever its ratio.
pub const INFLATE_FREE_BYTES: u64 = 1 << 20;
/// Largest body that leaves plain whatever the client takes, in bytes: it fits a packet, and codings add to it.
pub const ENCODED_BODY_BYTES_MIN: usize = 1 << 10;
/// Window of a body that leaves compressed by br or zstd, in bytes: so much is held of each.
pub const DEFLATE_WINDOW_BYTES: usize = 256 << 10;
/// Largest redacted body that is sent whole with its exact length, in bytes; larger ones are streamed.
pub const WHOLE_BODY_BYTES_MAX: usize = 64 << 10;

/// Most bytes of decision records that wait for the writer, per worker (default). When full, requests are refused.
pub const JOURNAL_BYTES_MAX: usize = 4 << 20;
/// Longest single decision record, in bytes.
pub const RECORD_BYTES_MAX: usize = 64 << 10;
/// Longest record that a reader of the log takes, in bytes: a decision is far shorter, an edit's list of policies may not be.
pub const FRAME_BYTES_MAX: usize = 128 << 10;
/// How far the clock may go back, in milliseconds, before that is on record.
pub const CLOCK_STEP_MS: u64 = 1_000;
/// Longest text of one caller-made field in a record, in bytes; longer ones are cut and marked.
pub const RECORD_FIELD_BYTES_MAX: usize = 2 << 10;
/// Most roles, groups and scopes of a caller in one record, each.
pub const RECORD_ROLES_MAX: usize = 64;
/// Most bytes of each of these lists.
pub const RECORD_ROLES_BYTES_MAX: usize = 6 << 10;
/// Most policy ids in one record.
pub const RECORD_REASONS_MAX: usize = 32;

const _: () = assert!(DATA_KEY_DEPTH_MAX >= TENANT_DEPTH_MAX);
const _: () = assert!(TARGET_BYTES_MAX < HEAD_BYTES_MAX);
const _: () = assert!(CREDENTIAL_BYTES_MAX < HEAD_BYTES_MAX);
const _: () = assert!(RECORD_BYTES_MAX < JOURNAL_BYTES_MAX);

/// Most bytes of all files of one snapshot together.
pub const SOURCES_BYTES_MAX: u64 = 1 << 30;
/// Deepest folder below the folder of policies.
pub const SOURCE_FOLDER_DEPTH_MAX: usize = 24;
/// Fewest bytes of the secret that pseudonyms are made with.
pub const PSEUDONYM_SECRET_BYTES_MIN: usize = 32;
/// Most problems of one refused edit that are kept and logged.
pub const PROBLEMS_KEPT_MAX: usize = 100;
/// Longest chain of operators, accesses and clauses in a policy text, summed over the brackets around a point. Each
/// link nests the syntax tree by one, and checking, evaluating and freeing a tree recurse.
pub const POLICY_CHAIN_MAX: usize = 128;
/// Most parts that one policy's trace tells apart; what would be more is told whole.
pub const TRACE_PARTS_MAX: usize = 1_024;
/// Most things looked at that are told of one test.
pub const TRACE_READS_MAX: usize = 16;
/// Most roles, tenants, keys or classes that are told of one thing looked at.
pub const TRACE_WITHIN_MAX: usize = 16;
/// Most policies that an explanation tells of one question, what counts most first.
pub const EXPLAINED_POLICIES_MAX: usize = 100;
/// Most changes that are tried to find what would allow a request.
pub const HINTS_TRIED_MAX: usize = 500;
/// Most questions that `who-can` and `what-can` put for one answer.
pub const REPORT_QUESTIONS_MAX: usize = 100_000;
/// Most boxes that `graph` draws: more cannot be looked at.
pub const GRAPH_NODES_MAX: usize = 1_000;
/// Longest text or value in a trace, in characters; longer ones are cut and marked.
pub const TRACE_TEXT_CHARS_MAX: usize = 400;
/// Most policies, tenants, resources and fields that one worker keeps as Cedar entities, each kind by itself. An entity
/// takes about 3 KiB.
pub const ENTITIES_KEPT_MAX: usize = 4_096;
/// Most source addresses that one worker keeps as Cedar values.
pub const ADDRESSES_KEPT_MAX: usize = 4_096;
/// `context.now` is cut to this many milliseconds, so that its value is made ten times a second and not per request.
pub const NOW_STEP_MS: u64 = 100;

const _: () = assert!(POLICY_NESTING_MAX < POLICY_CHAIN_MAX);

/// Deepest nesting of a YAML or JSON file of a snapshot: its reader recurses, 30 KiB a level in a debug build, on a
/// stack of 2 MiB.
pub const DOCUMENT_DEPTH_MAX: usize = 48;
/// Most values in one YAML or JSON file of a snapshot.
pub const DOCUMENT_NODES_MAX: usize = 4_000_000;
/// Most values that the aliases of one YAML file may stand for: they are read again each time.
pub const DOCUMENT_ALIASED_NODES_MAX: usize = 100_000;
/// Longest path template, route id or route group, in bytes.
pub const ROUTE_NAME_BYTES_MAX: usize = 512;
/// Most groups of one route.
pub const ROUTE_GROUPS_MAX: usize = 32;
/// Longest region, tier or own database key of a tenant, in bytes.
pub const TENANT_WORD_BYTES_MAX: usize = 128;
/// Most problems that are reported of one file.
pub const PROBLEMS_MAX: usize = 1_000;
/// Most bytes of a record that one item of a list in it may take; a list ends, marked as cut, where the next may not fit.
pub const RECORD_ITEM_BYTES_MAX: usize = 7 << 10;
/// Most tenant sources in one record: there are five kinds of them, and an edge may name some twice.
pub const RECORD_TENANT_SOURCES_MAX: usize = 8;
/// Most messages (workers' batches, one each, apart) that may wait for the journal's writer.
pub const JOURNAL_MESSAGES_MAX: usize = 1_024;
/// Longest tail of a decision log without a line's end that is taken off on start; with a longer one it is no decision log.
pub const TORN_TAIL_BYTES_MAX: u64 = 1 << 20;
/// Longest that the writer waits for a sink that takes nothing now (a full non-blocking pipe), in milliseconds.
pub const SINK_WAIT_MS_MAX: u64 = 5_000;
/// Snapshots whose routes and classes one worker's metrics tell apart at once; older ones are counted by name.
pub const METRIC_GENERATIONS_MAX: usize = 4;

const _: () = assert!(RECORD_ITEM_BYTES_MAX > 3 * RECORD_FIELD_BYTES_MAX);
const _: () = assert!(TORN_TAIL_BYTES_MAX > RECORD_BYTES_MAX as u64);
/// Most bytes from a comma to the first byte of its member's value, where the member may have to be dropped: they are
/// held until that is decided. Pretty-printing at [`JSON_DEPTH_MAX`] with the longest key fits many times over.
pub const JSON_HELD_BYTES_MAX: usize = 8 << 10;
/// Most work of compiling one body shape, in set members and transitions looked at, and in cells of keys. Shapes come from the operator's
/// files, but wildcards under any-depth paths can double the states with every step.
pub const SHAPE_WORK_MAX: usize = 8 << 20;
/// Longest text of a fixed mask, in bytes.
pub const FIXED_TEXT_BYTES_MAX: usize = 256;

const _: () = assert!(JSON_KEY_BYTES_MAX < JSON_HELD_BYTES_MAX);
const _: () = assert!(SHAPE_STATES_MAX <= 1 << 16);
/// Most redaction plans that one worker keeps.
pub const PLANS_KEPT_MAX: usize = 1_024;
/// Bytes of redaction plans that one worker keeps, with the shapes that are made for callers' documents.
pub const PLANS_KEPT_BYTES_MAX: u64 = 32 << 20;
/// Longest single policy that is laid out anew, in bytes: Cedar's formatter takes time with the square of its length.
pub const FORMAT_POLICY_BYTES_MAX: usize = 64 << 10;
/// How wide the lines of a policy may be asked to be, in characters.
pub const FORMAT_WIDTHS: std::ops::RangeInclusive<usize> = 40..=400;
/// Most states of the tenants that are kept ready at once while tests run: each is a snapshot.
pub const TEST_WORLDS_MAX: usize = 32;
/// Most tests in one test file, the cells of tables counted.
pub const TESTS_MAX: usize = 100_000;
/// Most other policies that one is compared with to see whether it changes anything.
pub const LINT_COMPARISONS_MAX: usize = 128;
/// Most requests that a comparison makes unless told otherwise.
pub const COMPARE_REQUESTS: usize = 20_000;
/// Most requests that a comparison may be told to make, and most records that it reads.
pub const COMPARE_REQUESTS_MAX: usize = 10_000_000;
/// Most tenants, DataKeys, purposes and times that a comparison makes requests of, each.
pub const COMPARE_VALUES_MAX: usize = 64;
/// Most callers that a comparison makes requests of.
pub const COMPARE_CALLERS_MAX: usize = 8_192;
/// Most routes that a comparison makes requests of.
pub const COMPARE_ROUTES_MAX: usize = 512;
/// Most examples that a comparison shows of one kind of difference.
pub const COMPARE_EXAMPLES_MAX: usize = 5;
/// Most names that a comparison counts by: tenants, policies, actions, classes.
pub const COMPARE_NAMES_MAX: usize = 1_000;

// Numbers of requests are multiplied by a prime of 61 bits in 128.
const _: () = assert!(
    COMPARE_CALLERS_MAX * COMPARE_ROUTES_MAX <= 1 << 22
        && COMPARE_VALUES_MAX <= 64
        && COMPARE_REQUESTS_MAX < 1 << 24
);
/// Most changes of one policy that `test --mutate` tries: each is a whole compilation and a run of the tests.
pub const MUTATIONS_PER_POLICY_MAX: usize = 128;

/// Answers that are kept for one caller, action, route and DataKey, by what of the context they depend on.
pub const ANSWERS_KEPT_MAX: usize = 8;
/// Longest text of a context that an answer is kept by, in bytes: the caller chooses the purpose and the path.
pub const ANSWER_TEXT_BYTES_MAX: usize = 256;

/// Decisions that wait to be looked at beside what is enforced. When full, they are dropped and counted.
pub const SHADOW_QUEUE_MAX: usize = 1_024;
/// Most bytes of text (path, host, purpose) in one of them; a longer one is dropped and counted.
pub const SHADOW_TEXT_BYTES_MAX: usize = 4 << 10;
/// Most bytes of disagreements that are handed to the decision log at once, ten times a second; further ones are counted.
pub const SHADOW_BATCH_BYTES_MAX: usize = 256 << 10;
/// Digests that were live and that a rollback is known by.
pub const EARLIER_DIGESTS_MAX: usize = 64;

const _: () = assert!(RECORD_BYTES_MAX < SHADOW_BATCH_BYTES_MAX);
/// Most candidates that a report tells apart.
pub const SHADOW_STORIES_MAX: usize = 256;
/// Largest bundle, in bytes as it travels: a thousand tenants with ten thousand policies pack to less than 1 MiB.
pub const BUNDLE_BYTES_MAX: usize = 128 << 20;
/// Largest manifest of a bundle, in bytes: 300 for each of [`SOURCE_FILES_MAX`] files.
pub const BUNDLE_MANIFEST_BYTES_MAX: u64 = 32 << 20;
/// Largest signature file of a bundle, in bytes.
pub const BUNDLE_SIGNATURE_BYTES_MAX: u64 = 4 << 10;
/// Longest path in a bundle, in bytes: what a header of tar (ustar) takes.
pub const BUNDLE_NAME_BYTES_MAX: usize = 255;
/// Highest version of a bundle: whole numbers up to here are the same in every JSON reader.
pub const BUNDLE_VERSION_MAX: u64 = (1 << 53) - 1;
/// Longest message that `palisade lsp` reads, in bytes: the largest file of a snapshot with each byte escaped, nearly.
pub const EDITOR_MESSAGE_BYTES_MAX: u64 = 64 << 20;
/// Of a longer one, the bytes that are kept to see of which document it is.
pub const EDITOR_MESSAGE_START_BYTES: u64 = 16 << 10;
/// Most header lines of such a message. The protocol knows two.
pub const EDITOR_HEADERS_MAX: usize = 16;
/// Longest of them, in bytes.
pub const EDITOR_HEADER_BYTES_MAX: u64 = 4 << 10;
/// Most documents that one editor may have open.
pub const EDITOR_DOCUMENTS_MAX: usize = 1_024;
/// Most messages that wait to be read.
pub const EDITOR_MESSAGES_MAX: usize = 32;
/// Most names that are offered at once: more nobody reads, and typing goes on.
pub const EDITOR_ITEMS_MAX: usize = 500;
/// Most problems that are told of one file.
pub const EDITOR_PROBLEMS_MAX: usize = 1_000;

const _: () = assert!(EDITOR_MESSAGE_BYTES_MAX > SOURCE_FILE_BYTES_MAX);
/// Answers that one worker may have given before it counts, for each policy, what they came to.
pub const ANSWERS_COUNTED_MAX: usize = 4_096;
/// Most policies in one answer of the admin listener, and most that may be asked for.
pub const POLICIES_TOLD_MAX: usize = 1_000;
