//! A server as a process: the examples `service` and `folder`, which `cargo test` builds.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

struct Process {
    child: Child,
    /// The lines of its standard error.
    log: Receiver<String>,
    address: String,
    _output: BufReader<ChildStdout>,
}

impl Process {
    fn start(file_descriptors: u32) -> Self {
        Self::of("service", file_descriptors, &[])
    }

    fn of(example: &str, file_descriptors: u32, arguments: &[&str]) -> Self {
        let mut program = std::env::current_exe().unwrap();
        program.pop();
        program.pop();
        program.push("examples");
        program.push(example);
        assert!(program.exists(), "build it first: cargo build -p poorwsgi-server --example {example}");
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -n \"$1\"; shift; exec \"$@\"", "sh"])
            .arg(file_descriptors.to_string())
            .arg(program)
            .arg("127.0.0.1:0")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Serving on http://").expect("its address");
        let address = address.trim_end_matches("; Ctrl-C stops").to_owned();
        let errors = child.stderr.take().unwrap();
        let (sender, log) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(errors).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Process { child, log, address, _output: output }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn ask(&self) -> String {
        let mut stream = self.connect();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Processor time so far, in ticks of 10 ms.
    fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn without_file_descriptors_it_waits_and_recovers() {
    let process = Process::start(24);
    assert!(process.ask().ends_with("Hello world\n"));
    let crowd: Vec<_> = (0..60).map(|_| process.connect()).collect();
    let (before, since) = (process.ticks(), Instant::now());
    std::thread::sleep(Duration::from_secs(1));
    let (used, elapsed) = (process.ticks() - before, since.elapsed());
    assert!(used < 20, "{used} ticks in {elapsed:?}: it does not wait, it spins");
    drop(crowd);
    assert!(process.ask().ends_with("Hello world\n"));
}

/// Each request for a file needs a descriptor beside its connection's.
#[test]
fn a_crowd_of_connections_leaves_descriptors_for_files() {
    let folder = tempfile::tempdir().unwrap();
    let content = "x".repeat(200_000);
    std::fs::write(folder.path().join("file.txt"), &content).unwrap();
    let process = Process::of("folder", 256, &[folder.path().to_str().unwrap()]);
    let request = b"GET /file.txt HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    let mut crowd: Vec<_> = (0..400).map(|_| process.connect()).collect();
    for mut client in crowd.drain(..40) {
        client.write_all(request).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{}", answer.split("\r\n\r\n").next().unwrap());
        assert!(answer.ends_with(&content));
    }
    let line = process.log.recv_timeout(Duration::from_secs(20)).expect("a warning");
    assert!(line.contains("WARN") && line.contains("96 are accepted at a time, not 10000"), "{line}");
    assert!(line.contains("may open 256 files") && line.contains("Allow 20064 (ulimit -n"), "{line}");
    let mut last = crowd.pop().unwrap();
    drop(crowd);
    last.write_all(request).unwrap();
    let mut answer = String::new();
    last.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&content));
    assert_eq!(process.log.try_iter().collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn the_signals_stop_it() {
    for name in ["TERM", "INT"] {
        let mut process = Process::start(1024);
        let mut idle = process.connect();
        idle.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let answered = idle.read(&mut [0; 1000]).unwrap();
        assert!(answered > 0);
        process.signal(name);
        assert_eq!(idle.read(&mut [0]).unwrap(), 0);
        assert!(process.wait().success());
    }
}
