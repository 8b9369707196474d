//! A thousand routes cost at most three times what ten cost, with or without optimisation.
#![allow(clippy::expect_used, reason = "a table that cannot be built is the end of the run")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use poorwsgi_core::routing::{Resolved, Router};
use poorwsgi_core::state::Method;

mod tables;

const ROUNDS: usize = 40;
const LOOKUPS: usize = 100;
const RATIO: u32 = 3;

/// Measures a round, and keeps the shortest time, because noise only adds time.
fn round(router: &Router<usize, ()>, path: &str, best: &mut Duration) {
    let start = Instant::now();
    for _ in 0..LOOKUPS {
        black_box(Resolved::of(router, black_box(path), Method::Get));
    }
    *best = start.elapsed().min(*best);
}

fn is_found(router: &Router<usize, ()>, path: &str) -> bool {
    matches!(Resolved::of(router, path, Method::Get), Resolved::Pattern { .. })
}

#[test]
fn a_thousand_routes_cost_at_most_three_times_what_ten_cost() {
    for table in tables::ALL {
        let (few, many) = (table.router(10), table.router(1000));
        for ((case, path_few), (_, path_many)) in table.cases(10).into_iter().zip(table.cases(1000)) {
            assert_eq!(is_found(&few, &path_few), case != "miss");
            assert_eq!(is_found(&many, &path_many), case != "miss");
            let (mut time_few, mut time_many) = (Duration::MAX, Duration::MAX);
            // Both are measured in turns, so that a busy machine slows both.
            for _ in 0..ROUNDS {
                round(&few, &path_few, &mut time_few);
                round(&many, &path_many, &mut time_many);
            }
            let name = table.name;
            println!("{name} {case}: {:.2}", time_many.as_secs_f64() / time_few.as_secs_f64());
            assert!(
                time_many <= time_few * RATIO,
                "{name} {case}: {time_many:?}, against {time_few:?} with ten routes"
            );
        }
    }
}
