//! How fast multipart bodies are read from memory: a random file, and data made to be slow.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use poorwsgi::form::Limits;
use poorwsgi::form::multipart::{Event, MultipartParser};

const MIB: usize = 1024 * 1024;
const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

/// As much as a server hands over at once.
const PIECE: usize = 64 * 1024;

fn body(data: &[u8]) -> Bytes {
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n");
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    [head.as_bytes(), data, end.as_bytes()].concat().into()
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

fn read(body: &Bytes) -> usize {
    let Ok(mut parser) = MultipartParser::new(BOUNDARY.as_bytes(), Limits::default()) else { return 0 };
    let mut rest = body.clone();
    let mut bytes = 0;
    while !rest.is_empty() {
        parser.push(rest.split_to(rest.len().min(PIECE)));
        while let Ok(Some(event)) = parser.next_event() {
            if let Event::Data(data) = event {
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
    let mut bodies = vec![("random", 64 * MIB, random(64 * MIB))];
    // Both are over any cache, so that eight times the size is to take eight times the time.
    for size in [8 * MIB, 64 * MIB] {
        bodies.extend(cases.map(|(name, line)| (name, size, line.as_bytes().repeat(size / line.len()))));
    }
    for (name, size, data) in bodies {
        let body = body(&data);
        assert_eq!(read(&body), data.len());
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new(name, size / MIB), &body, |bencher, body| {
            bencher.iter(|| read(body))
        });
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
