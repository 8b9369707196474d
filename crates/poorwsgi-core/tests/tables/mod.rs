//! Tables of routes, of any size, and paths to look up in them.

use poorwsgi_core::routing::{Router, set_route};
use poorwsgi_core::state::METHOD_GET;

/// A table of routes that differ in one number.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    route: fn(usize) -> String,
    path: fn(usize) -> String,
    /// A path like the others that no route matches.
    miss: &'static str,
}

/// The tables that routing is measured with.
pub(crate) const ALL: &[Table] = &[
    Table {
        name: "resources",
        route: |number| format!("/resource{number}/<name:word>/<id:int>"),
        path: |number| format!("/resource{number}/anna/42"),
        miss: "/resource/anna/42",
    },
    // The first segment does not tell the routes apart.
    Table {
        name: "dynamic-first",
        route: |number| format!("/<a:word>/kind{number}/<b:int>"),
        path: |number| format!("/anna/kind{number}/42"),
        miss: "/anna/kind/42",
    },
    // No whole segment tells the routes apart.
    Table {
        name: "prefixes",
        route: |number| format!("/<lang:word>/page-{number}-<id:int>"),
        path: |number| format!("/cs/page-{number}-42"),
        miss: "/cs/page-42",
    },
];

impl Table {
    pub(crate) fn router(&self, size: usize) -> Router<usize, ()> {
        let mut router = Router::new();
        for number in 0..size {
            set_route(&mut router, &(self.route)(number), METHOD_GET, number)
                .expect("the route is well formed");
        }
        router
    }

    /// The path of the first route, the path of the last route, and a path that no route matches.
    pub(crate) fn cases(&self, size: usize) -> [(&'static str, String); 3] {
        [("first", (self.path)(0)), ("last", (self.path)(size - 1)), ("miss", self.miss.to_owned())]
    }
}
