//! A multipart body reads the same whole and in pieces, gives out no more than came in, and keeps its limits.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use poorwsgi_core::form::multipart::{MultipartEvent, MAX_DEPTH, MultipartParser};
use poorwsgi_core::form::{FormError, FormLimits};
use poorwsgi_fuzz::pieces;

#[derive(Debug, PartialEq)]
enum Seen {
    Begin(String),
    Data(Vec<u8>),
    End,
    Closed,
}

const LIMITS: FormLimits = FormLimits {
    body_bytes: 16 * 1024,
    parts: 20,
    fields: 15,
    files: 10,
    field_bytes: 1024,
    fields_bytes: 4 * 1024,
    part_header_bytes: 512,
    header_bytes: 2 * 1024,
    part_headers: 8,
    padding_bytes: 256,
    filename_bytes: 128,
    spool_bytes: 4 * 1024,
};

fn read(pieces: impl Iterator<Item = Bytes>) -> Result<Vec<Seen>, FormError> {
    let mut parser = MultipartParser::new(b"B", LIMITS)?;
    let (mut seen, mut depth, mut parts) = (Vec::new(), 0_usize, 0);
    for piece in pieces {
        parser.push(piece);
        while let Some(event) = parser.next_event()? {
            match event {
                MultipartEvent::PartBegin(head) => {
                    (depth, parts) = (depth + 1, parts + 1);
                    assert!(depth <= MAX_DEPTH && parts <= LIMITS.parts);
                    seen.push(Seen::Begin(format!("{head:?}")));
                }
                MultipartEvent::Data(data) => {
                    assert!(!data.is_empty());
                    match seen.last_mut() {
                        Some(Seen::Data(before)) => before.extend_from_slice(&data),
                        _ => seen.push(Seen::Data(data.to_vec())),
                    }
                }
                MultipartEvent::PartEnd => {
                    depth -= 1;
                    seen.push(Seen::End);
                }
                MultipartEvent::End => seen.push(Seen::Closed),
            }
        }
    }
    parser.finish()?;
    Ok(seen)
}

fuzz_target!(|input: &[u8]| {
    let Some((body, split)) = pieces(input) else { return };
    let whole = read(std::iter::once(body.clone()));
    let split = read(split);
    assert_eq!(whole.as_ref().ok(), split.as_ref().ok());
    let data = whole.iter().flatten().map(|seen| if let Seen::Data(data) = seen { data.len() } else { 0 });
    assert!(data.sum::<usize>() <= body.len());
});
