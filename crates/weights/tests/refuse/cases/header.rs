//! Headers that lie.

use super::{Case, bytes, case, header, model};

/// Replaces the length of the header.
fn length(n: u64) -> impl Fn(&std::path::Path) {
    bytes(move |b| b[..8].copy_from_slice(&n.to_le_bytes()))
}

/// The header with `entry` put first.
fn with(entry: impl Into<String>) -> impl Fn(&std::path::Path) {
    let entry = entry.into();
    header(move |text| format!("{{{entry},{}", &text[1..]).into_bytes())
}

/// A header that is all `entry`, as often as 4 MB allow, with the number of its turn for `#`.
fn full_of(entry: &'static str) -> impl Fn(&std::path::Path) {
    header(move |_| {
        let mut text = String::from("{");
        for i in 0.. {
            let next = entry.replace('#', &i.to_string());
            if text.len() + next.len() > (4 << 20) - 2 {
                break;
            }
            text += &next;
            text.push(',');
        }
        text.pop();
        text.push('}');
        text.into_bytes()
    })
}

pub(super) fn cases() -> Vec<Case> {
    let nested = "[".repeat(100_000);
    let dims = "1,".repeat((1 << 21) - (1 << 13)) + "2";
    vec![
        case!(
            "header: length zero",
            length(0),
            HeaderLength { length: 0, .. },
            "the header length is 0, it must be from 1"
        ),
        case!(
            "header: length past the end",
            length(1 << 20),
            HeaderLength { .. },
            "the header length is 1048576"
        ),
        case!(
            "header: length 2^63",
            length(1 << 63),
            HeaderLength { .. },
            "the header length is 9223372036854775808"
        ),
        case!(
            "header: length 2^64 - 1",
            length(u64::MAX),
            HeaderLength { .. },
            "the header length is 18446744073709551615"
        ),
        case!(
            "header: too long to be honest",
            header(|_| vec![b' '; (4 << 20) + 1]),
            TooLarge { what: "the header", .. },
            "the header has 4194305 bytes, more than the 4194304 that are accepted"
        ),
        case!(
            "header: length one short",
            bytes(|b| b[0] -= 8),
            Json { what: "the header", .. },
            "EOF while parsing"
        ),
        case!(
            "header: length one long",
            bytes(|b| b[0] += 8),
            Json { what: "the header", .. },
            "trailing characters"
        ),
        case!(
            "header: not JSON",
            header(|_| b"tensors: many".to_vec()),
            Json { what: "the header", .. },
            "the header is not valid: expected ident"
        ),
        case!("header: a list", header(|_| b"[]".to_vec()), Json { .. }, "expected a JSON object"),
        case!(
            "header: not UTF-8",
            header(|t| t
                .replace('"', "\u{1}")
                .replace('\u{1}', "\"")
                .bytes()
                .map(|b| if b == b'w' { 0xff } else { b })
                .collect()),
            HeaderUtf8 { .. },
            "the header is not UTF-8: invalid utf-8 sequence"
        ),
        case!(
            "header: 100,000 brackets",
            header({
                let n = nested.clone();
                move |_| n.clone().into()
            }),
            Json { .. },
            "expected a JSON object"
        ),
        case!(
            "header: 100,000 brackets in a tensor",
            with(format!("\"x\":{{\"y\":{nested}")),
            Json { .. },
            "the header is not valid"
        ),
        case!(
            "header: 100,000 brackets in the metadata",
            with(format!("\"__metadata__\":{{\"y\":{nested}")),
            Json { .. },
            "the header is not valid"
        ),
        case!(
            "header: a tensor twice",
            with(r#""ln_f.bias":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#),
            DuplicateName { .. },
            "\"ln_f.bias\" appears more than once"
        ),
        case!(
            "header: the metadata twice",
            with(r#""__metadata__":{}"#),
            DuplicateName { .. },
            "\"__metadata__\" appears more than once"
        ),
        case!(
            "header: a tensor with and without the prefix",
            model(|m| m.add("transformer.ln_f.bias", &[4])),
            DuplicateName { .. },
            "\"ln_f.bias\" appears more than once"
        ),
        case!(
            "header: a dtype twice",
            with(r#""x":{"dtype":"F32","dtype":"F16","shape":[0],"data_offsets":[0,0]}"#),
            Json { .. },
            "\"x\": duplicate field `dtype`"
        ),
        case!(
            "header: no shape",
            with(r#""x":{"dtype":"F32","data_offsets":[0,0]}"#),
            Json { .. },
            "\"x\": missing field `shape`"
        ),
        case!(
            "header: negative dimension",
            with(r#""x":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}"#),
            Json { .. },
            "\"x\": invalid value: integer `-1`"
        ),
        case!(
            "header: float dimension",
            with(r#""x":{"dtype":"F32","shape":[1.5],"data_offsets":[0,0]}"#),
            Json { .. },
            "\"x\": invalid type: floating point `1.5`"
        ),
        case!(
            "header: three offsets",
            with(r#""x":{"dtype":"F32","shape":[0],"data_offsets":[0,0,0]}"#),
            Json { .. },
            "\"x\": "
        ),
        case!(
            "header: metadata that is not text",
            with(r#""__metadata__":{"a":1},"b":{}"#),
            Json { .. },
            "\"__metadata__\": \"a\": invalid type: integer `1`, expected a string"
        ),
        case!(
            "header: unknown dtype",
            model(|m| m.tensor("ln_f.bias").dtype = "F31".into()),
            UnknownDtype { .. },
            "\"ln_f.bias\": unknown dtype \"F31\""
        ),
        case!(
            "header: dtype not matching its bytes",
            model(|m| m.tensor("ln_f.bias").dtype = "F16".into()),
            ByteCount { .. },
            "a F16 tensor of shape [4] needs 8 bytes, its data offsets span 16"
        ),
        case!(
            "header: shape not matching its bytes",
            model(|m| m.tensor("wte.weight").shape = vec![10, 5]),
            ByteCount { .. },
            "\"wte.weight\": a F32 tensor of shape [10, 5] needs 200 bytes, its data offsets span 160"
        ),
        case!(
            "header: half a byte over",
            with(r#""x":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}"#),
            ByteCount { .. },
            "needs 2 bytes, its data offsets span 1"
        ),
        case!(
            "header: shape product overflows",
            model(|m| m.tensor("wte.weight").shape = vec![1 << 32, 1 << 32]),
            ShapeOverflow { .. },
            "\"wte.weight\": a F32 tensor of shape [4294967296, 4294967296] overflows"
        ),
        case!(
            "header: byte count overflows",
            model(|m| m.tensor("wte.weight").shape = vec![1 << 62]),
            ShapeOverflow { .. },
            "[4611686018427387904] overflows"
        ),
        case!(
            "header: overflow hidden behind a zero",
            model(|m| m.tensor("wte.weight").shape = vec![1 << 32, 1 << 32, 0]),
            ShapeOverflow { .. },
            "[4294967296, 4294967296, 0] overflows"
        ),
        case!(
            "header: offsets backwards",
            model(|m| m.tensor("wpe.weight").offsets = (288, 160)),
            OffsetsBackwards { .. },
            "\"wpe.weight\": data offsets run backwards, from 288 to 160"
        ),
        case!(
            "header: offsets overlap",
            model(|m| m.tensor("wpe.weight").offsets = (156, 284)),
            OffsetsGap { expected: 160, actual: 156, .. },
            "\"wpe.weight\": data begins at 156, inside the tensor before it, which ends at 160"
        ),
        case!(
            "header: two tensors share their bytes",
            model(|m| {
                let to = m.tensor("ln_f.weight").offsets;
                m.tensor("ln_f.bias").offsets = to;
            }),
            OffsetsGap { .. },
            "inside the tensor before it"
        ),
        case!(
            "header: offsets leave a hole",
            model(|m| {
                m.data.extend([0; 4]);
                let offsets = &mut m.tensor("ln_f.bias").offsets;
                *offsets = (offsets.0 + 4, offsets.1 + 4);
            }),
            OffsetsGap { .. },
            "leaving a hole that starts at"
        ),
        case!(
            "header: offsets past the end",
            with(format!(
                r#""x":{{"dtype":"F32","shape":[4],"data_offsets":[{0},{0}]}}"#,
                u64::MAX
            )),
            ByteCount { .. },
            "needs 16 bytes, its data offsets span 0"
        ),
        case!(
            "header: a tensor beyond the end of the file",
            model(|m| {
                let end = m.data.len() as u64;
                m.add("x", &[4]);
                m.data.truncate(end as usize);
            }),
            Truncated { .. },
            "(from tensor \"x\" on)"
        ),
        case!(
            "header: two million dimensions",
            with(format!(r#""x":{{"dtype":"F32","shape":[{dims}],"data_offsets":[0,0]}}"#)),
            Json { .. },
            "\"x\": invalid length 33, expected a shape of at most 32 dimensions"
        ),
        case!(
            "header: a name of a megabyte",
            with(format!(
                r#""{}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#,
                "x".repeat(1 << 20)
            )),
            Json { .. },
            "the header is not valid: a name of 1048576 bytes"
        ),
        case!(
            "header: a dtype of a megabyte",
            with(format!(
                r#""x":{{"dtype":"{}","shape":[0],"data_offsets":[0,0]}}"#,
                "F".repeat(1 << 20)
            )),
            UnknownDtype { .. },
            "FFF...\""
        ),
        case!(
            "header: seventy thousand tensors of no size",
            full_of(r##""#":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"##),
            TrailingBytes { .. },
            "trailing bytes"
        ),
        case!(
            "header: four megabytes of metadata",
            header(|_| {
                let pairs: Vec<String> = (0..340_000).map(|i| format!("\"{i}\":\"\"")).collect();
                format!("{{\"__metadata__\":{{{}}}}}", pairs.join(",")).into_bytes()
            }),
            TrailingBytes { .. },
            "trailing bytes"
        ),
    ]
}
