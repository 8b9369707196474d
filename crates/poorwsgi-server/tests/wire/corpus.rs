//! Raw requests and what becomes of them.
//!
//! `tests/corpus/outcomes.txt` has a line for each `name.http`: its name, the statuses of all answers when a
//! good request follows it on the same connection, and words that the last of them holds. A request that is
//! answered with an error of the server must be the last one that is answered.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use poorwsgi_server::Config;

use crate::support::{TestServer, statuses};

const FOLLOWER: &[u8] = b"GET /second HTTP/1.1\r\nHost: a.example\r\n\r\n";

struct Outcome {
    statuses: Vec<u16>,
    words: String,
}

fn outcomes(folder: &Path) -> BTreeMap<String, Outcome> {
    let table = fs::read_to_string(folder.join("outcomes.txt")).unwrap();
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut columns = line.split('|').map(str::trim);
            let name = columns.next().unwrap().to_owned();
            let statuses = columns.next().unwrap().split(' ').map(|status| status.parse().unwrap()).collect();
            (name, Outcome { statuses, words: columns.next().unwrap_or_default().to_owned() })
        })
        .collect()
}

fn config() -> Config {
    Config::new().max_head(2000).max_request_line(1000).max_fields(20).max_body(1000)
}

/// What is wrong with the answers to a request, if anything is.
fn fault(name: &str, outcome: &Outcome, received: &str) -> Option<String> {
    if statuses(received) != outcome.statuses {
        return Some(format!("{name}: {:?} expected: {received:?}", outcome.statuses));
    }
    let last = received.rsplit("HTTP/1.").next().unwrap_or_default();
    if !last.contains(&outcome.words) {
        return Some(format!("{name}: {:?} is not in {received:?}", outcome.words));
    }
    if outcome.statuses.last().is_none_or(|status| *status < 400) {
        return None;
    }
    let closes = last.to_ascii_lowercase().contains("\r\nconnection: close\r\n");
    (!closes || received.contains("GET /second")).then(|| format!("{name}: it goes on: {received:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut outcomes = outcomes(&folder);
    let server = TestServer::start(config()).await;
    let mut faults = Vec::new();
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "http") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let outcome = outcomes.remove(&name).unwrap_or_else(|| panic!("{name} is not in outcomes.txt"));
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(FOLLOWER);

        faults.extend(fault(&name, &outcome, &server.ask(&bytes).await));

        let mut slow = server.connect().await;
        slow.stream.tcp().iter().for_each(|stream| stream.set_nodelay(true).unwrap());
        for byte in &bytes {
            slow.send([*byte]).await;
            tokio::task::yield_now().await;
        }
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut slow.stream).await;
        faults.extend(fault(&format!("{name}, byte by byte"), &outcome, &slow.rest().await));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(outcomes.is_empty(), "no file for {:?}", outcomes.keys());
}
