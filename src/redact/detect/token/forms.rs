//! How the keys of services are formed: what each begins with, and what follows it.
//!
//! Never: says of a word that is only the beginning that it is a key.

/// Which characters the rest of a key has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// Letters and digits.
    Letters,
    /// And `_`.
    Word,
    /// And `-`.
    Name,
    /// And `.`.
    Points,
    Hex,
    Upper,
    /// Base 64.
    Base64,
}

impl Of {
    pub(super) const fn has(self, byte: u8) -> bool {
        match self {
            Self::Letters => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Name => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Points => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

/// How the key of a service begins, and what follows: which characters, how many at least and at most.
pub(super) struct Form(pub(super) &'static [u8], pub(super) Of, pub(super) usize, pub(super) usize);

const ANY: usize = usize::MAX;

const FORMS: &[(u8, &[Form])] = &[
    (
        b'A',
        &[
            Form(b"AKIA", Of::Upper, 16, 16),
            Form(b"ASIA", Of::Upper, 16, 16),
            Form(b"ABIA", Of::Upper, 16, 16),
            Form(b"ACCA", Of::Upper, 16, 16),
            Form(b"AIza", Of::Name, 35, 35),
            Form(b"AccountKey=", Of::Base64, 44, ANY),
            Form(b"AGE-SECRET-KEY-1", Of::Upper, 58, 58),
        ],
    ),
    (b'E', &[Form(b"EAAA", Of::Name, 56, ANY)]),
    (b'G', &[Form(b"GOCSPX-", Of::Name, 28, 28)]),
    (
        b'S',
        &[
            Form(b"SG.", Of::Points, 66, 66),
            Form(b"SK", Of::Hex, 32, 32),
            Form(b"SharedAccessKey=", Of::Base64, 44, ANY),
        ],
    ),
    (b'a', &[Form(b"atlasv1.", Of::Name, 60, ANY)]),
    (
        b'd',
        &[
            Form(b"dop_v1_", Of::Hex, 64, 64),
            Form(b"doo_v1_", Of::Hex, 64, 64),
            Form(b"dckr_pat_", Of::Name, 27, 36),
            Form(b"dapi", Of::Hex, 32, 32),
            Form(b"dp.pt.", Of::Letters, 40, 48),
        ],
    ),
    (
        b'g',
        &[
            Form(b"ghp_", Of::Letters, 36, 255),
            Form(b"gho_", Of::Letters, 36, 255),
            Form(b"ghu_", Of::Letters, 36, 255),
            Form(b"ghs_", Of::Points, 36, ANY),
            Form(b"ghr_", Of::Letters, 36, 255),
            Form(b"github_pat_", Of::Word, 60, 255),
            Form(b"glpat-", Of::Points, 20, ANY),
            Form(b"gldt-", Of::Name, 20, ANY),
            Form(b"glrt-", Of::Name, 20, ANY),
            Form(b"glcbt-", Of::Name, 20, ANY),
            Form(b"glptt-", Of::Hex, 40, 40),
            Form(b"glsa_", Of::Word, 41, ANY),
            Form(b"glc_", Of::Base64, 32, ANY),
            Form(b"gsk_", Of::Letters, 52, ANY),
        ],
    ),
    (
        b'h',
        &[
            Form(b"hf_", Of::Letters, 34, 40),
            Form(b"hvs.", Of::Name, 24, ANY),
            Form(b"hvb.", Of::Name, 24, ANY),
        ],
    ),
    (b'k', &[Form(b"key-", Of::Hex, 32, 32)]),
    (b'l', &[Form(b"lin_api_", Of::Letters, 40, 40)]),
    (b'n', &[Form(b"npm_", Of::Letters, 36, 36), Form(b"nvapi-", Of::Name, 60, ANY)]),
    (b'o', &[Form(b"oy2", Of::Letters, 43, 43)]),
    (
        b'p',
        &[
            Form(b"pypi-", Of::Name, 50, ANY),
            Form(b"pul-", Of::Hex, 40, 40),
            Form(b"pscale_tkn_", Of::Points, 32, ANY),
        ],
    ),
    (
        b'r',
        &[
            Form(b"rk_live_", Of::Letters, 16, ANY),
            Form(b"rk_test_", Of::Letters, 16, ANY),
            Form(b"rubygems_", Of::Hex, 48, 48),
        ],
    ),
    (
        b's',
        &[
            Form(b"sk_live_", Of::Letters, 16, ANY),
            Form(b"sk_test_", Of::Letters, 16, ANY),
            Form(b"sk-ant-", Of::Name, 40, ANY),
            Form(b"sk-", Of::Name, 40, ANY),
            Form(b"shpat_", Of::Hex, 32, 32),
            Form(b"shpca_", Of::Hex, 32, 32),
            Form(b"shppa_", Of::Hex, 32, 32),
            Form(b"shpss_", Of::Hex, 32, 32),
            Form(b"sntrys_", Of::Base64, 60, ANY),
            Form(b"sq0atp-", Of::Name, 22, 22),
            Form(b"sq0csp-", Of::Name, 43, 43),
        ],
    ),
    (b't', &[Form(b"tskey-", Of::Name, 24, ANY)]),
    (b'w', &[Form(b"whsec_", Of::Base64, 24, ANY)]),
    (
        b'x',
        &[
            Form(b"xoxb-", Of::Name, 24, ANY),
            Form(b"xoxp-", Of::Name, 24, ANY),
            Form(b"xoxa-", Of::Name, 24, ANY),
            Form(b"xoxr-", Of::Name, 24, ANY),
            Form(b"xoxs-", Of::Name, 24, ANY),
            Form(b"xoxe.", Of::Points, 24, ANY),
            Form(b"xapp-", Of::Name, 24, ANY),
        ],
    ),
    (b'y', &[Form(b"ya29.", Of::Name, 30, ANY)]),
];

/// By the first byte, so that few are compared.
const BY_FIRST: [&[Form]; 128] = {
    let mut all: [&[Form]; 128] = [&[]; 128];
    let mut rest = FORMS;
    while let [(first, forms), others @ ..] = rest {
        // Indexing is the only way in a constant.
        #[expect(clippy::indexing_slicing, reason = "ASCII, and evaluated when compiled")]
        {
            all[*first as usize] = forms;
        }
        rest = others;
    }
    all
};

/// Those that begin with this byte.
#[inline]
pub(super) fn forms(first: u8) -> &'static [Form] {
    BY_FIRST.get(usize::from(first)).copied().unwrap_or_default()
}

/// How signed tokens begin: with `{"` in base 64, or with `{`, a line feed and a space.
pub(super) const SIGNED: [&[u8]; 2] = [b"eyJ", b"ewo"];

/// For each first byte, by their low five bits, the second ones.
const SECONDS: [u32; 256] = {
    let mut all = [0; 256];
    let mut rest = FORMS;
    // Indexing is the only way in a constant.
    #[expect(clippy::indexing_slicing, reason = "bytes, and evaluated when compiled")]
    {
        while let [(first, of_first), others @ ..] = rest {
            let mut forms = *of_first;
            while let [Form(start, ..), more @ ..] = forms {
                all[*first as usize] |= 1 << (start[1] & 31);
                forms = more;
            }
            rest = others;
        }
        let mut at = 0;
        while at < SIGNED.len() {
            all[SIGNED[at][0] as usize] |= 1 << (SIGNED[at][1] & 31);
            at += 1;
        }
    }
    all
};

/// Does the key of a service or a signed token begin so? Of other words few do.
#[inline(always)]
pub(super) fn begins([first, second]: [u8; 2]) -> bool {
    SECONDS.get(usize::from(first)).is_some_and(|seconds| seconds >> (second & 31) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_begins_as_one_does() {
        let forms = FORMS.iter().flat_map(|(_, forms)| forms.iter().map(|Form(start, ..)| *start));
        for start in forms.chain(SIGNED) {
            assert!(start.first_chunk().is_some_and(|start| begins(*start)), "{start:?}");
        }
        assert!(!begins(*b"th") && !begins(*b"ht"));
    }
}
