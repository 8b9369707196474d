//! What a path costs to resolve: among 10 routes and among 1,000, in tables of three shapes.
#![allow(clippy::expect_used, reason = "a table that cannot be built is the end of the run")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use poorwsgi_core::routing::{Resolved, Router, set_route};
use poorwsgi_core::state::{METHOD_GET, Method};

#[path = "../tests/tables/mod.rs"]
mod tables;

fn pattern_routes(criterion: &mut Criterion) {
    for table in tables::ALL {
        let mut group = criterion.benchmark_group(table.name);
        for size in [10, 1000] {
            let router = table.router(size);
            for (case, path) in table.cases(size) {
                group.bench_with_input(BenchmarkId::new(case, size), &path, |bencher, path| {
                    bencher.iter(|| black_box(Resolved::of(&router, black_box(path), Method::Get)));
                });
            }
        }
    }
}

fn static_routes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("static");
    for size in [10, 1000] {
        let mut router = Router::<usize, ()>::new();
        for number in 0..size {
            set_route(&mut router, &format!("/page{number}/edit"), METHOD_GET, number)
                .expect("a path is a route");
        }
        group.bench_function(BenchmarkId::new("hit", size), |bencher| {
            bencher.iter(|| black_box(Resolved::of(&router, black_box("/page7/edit"), Method::Get)));
        });
    }
}

fn registration(criterion: &mut Criterion) {
    criterion.bench_function("registration of 10", |bencher| {
        bencher.iter(|| tables::ALL.first().map(|table| table.router(black_box(10))));
    });
}

criterion_group!(benches, pattern_routes, static_routes, registration);
criterion_main!(benches);
