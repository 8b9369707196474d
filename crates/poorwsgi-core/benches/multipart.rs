//! How fast multipart bodies are read from memory: a random file, and data made to be slow.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use poorwsgi_core::form::FormLimits;
use poorwsgi_core::form::multipart::{MultipartEvent, MultipartParser};

const MIB: usize = 1024 * 1024;
const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

/// As much as a server hands over at once.
const PIECE: usize = 64 * 1024;

fn body(data: &[u8]) -> Vec<Bytes> {
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n");
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    let mut pieces = vec![head.into()];
    pieces.extend(data.chunks(PIECE).map(Bytes::copy_from_slice));
    pieces.push(end.into());
    pieces
}

/// One piece of lines over and over, so that what is measured is the search and not the size of the machine's
/// caches.
fn dense_body(line: &str, size: usize) -> Vec<Bytes> {
    let mut pieces = body(line.repeat(PIECE / line.len()).as_bytes());
    let piece = pieces.remove(1);
    let count = size / piece.len();
    pieces.splice(1..1, std::iter::repeat_n(piece, count));
    pieces
}

fn random(size: usize) -> Vec<u8> {
    // xorshift64: the data only has to be without pattern.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut data = Vec::with_capacity(size);
    while data.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data
}

fn read(body: &[Bytes]) -> usize {
    let Ok(mut parser) = MultipartParser::new(BOUNDARY.as_bytes(), FormLimits::default()) else { return 0 };
    let mut bytes = 0;
    for piece in body {
        parser.push(piece.clone());
        while let Ok(Some(event)) = parser.next_event() {
            if let MultipartEvent::Data(data) = event {
                bytes += black_box(data).len();
            }
        }
    }
    assert!(parser.finish().is_ok());
    bytes
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("multipart");
    group.sample_size(10);
    let near = format!("\r\n--{}", BOUNDARY.trim_end_matches('W'));
    let padded = format!("\r\n--{BOUNDARY}{}x", " ".repeat(255));
    let cases = [("crlf", "\r\n"), ("cr", "\r"), ("near", &near), ("padded", &padded)];
    let mut bodies = vec![("random", body(&random(64 * MIB)))];
    for size in [2 * MIB, 16 * MIB] {
        bodies.extend(cases.map(|(name, line)| (name, dense_body(line, size))));
    }
    for (name, body) in bodies {
        let size = read(&body);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::new(name, size.div_ceil(MIB)), &body, |bencher, body| {
            bencher.iter(|| read(body))
        });
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
