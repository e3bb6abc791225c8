//! The one client of the gateway's rows: the same requests to whatever server, over kept connections.
//!
//! `load HOST:PORT CONNECTIONS` reads the requests from standard input, a line each, `METHOD PATH`, for a
//! body followed by ` FILE OFFSET LENGTH`, and answers with one line: seconds of wall time, requests, bytes of bodies
//! received, and the median and 99th percentile of the requests' times in milliseconds. A thread for each connection
//! takes the next request when it has read the last answer to its end. Any status but 200 ends everything.
//!
//! Bodies are held in memory before the clock starts, so nothing is read or hashed while it runs.

use std::collections::HashMap;
use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

struct Request {
    method: String,
    path: String,
    body: Option<(Arc<Vec<u8>>, usize, usize)>,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

fn bad(what: impl Into<String>) -> Error {
    Error::other(what.into())
}

impl Connection {
    fn open(address: &str) -> Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: vec![0; 1 << 20], start: 0, end: 0 })
    }

    /// Read more; what was not taken yet moves to the front when there is no room behind it.
    fn fill(&mut self) -> Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.stream.read(&mut self.buffer[self.end..])? {
            0 => Err(bad("the server closed the connection")),
            count => {
                self.end += count;
                Ok(())
            }
        }
    }

    /// The bytes up to a mark, and the mark.
    fn until(&mut self, mark: &[u8]) -> Result<Vec<u8>> {
        loop {
            let held = &self.buffer[self.start..self.end];
            if let Some(at) = held.windows(mark.len()).position(|window| window == mark) {
                let found = held[..at].to_vec();
                self.start += at + mark.len();
                return Ok(found);
            }
            self.fill()?;
        }
    }

    fn skip(&mut self, mut count: usize) -> Result<()> {
        loop {
            let taken = count.min(self.end - self.start);
            self.start += taken;
            count -= taken;
            if count == 0 {
                return Ok(());
            }
            self.fill()?;
        }
    }

    fn send(&mut self, request: &Request) -> Result<()> {
        let length = request.body.as_ref().map_or(0, |(_, _, length)| *length);
        let more = if request.method == "POST" {
            format!("Content-Length: {length}\r\nContent-Type: application/octet-stream\r\n")
        } else {
            String::new()
        };
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: bench\r\n\
             Accept: application/vnd.x.restic.rest.v2\r\n{}\r\n",
            request.method, request.path, more
        )
        .into_bytes();
        match &request.body {
            Some((data, offset, length)) if *length <= 64 << 10 => {
                head.extend_from_slice(&data[*offset..offset + length]);
                self.stream.write_all(&head)
            }
            Some((data, offset, length)) => {
                self.stream.write_all(&head)?;
                self.stream.write_all(&data[*offset..offset + length])
            }
            None => self.stream.write_all(&head),
        }
    }

    /// One request and its whole answer; the bytes of the answer's body.
    fn exchange(&mut self, request: &Request) -> Result<usize> {
        self.send(request)?;
        let head = String::from_utf8(self.until(b"\r\n\r\n")?).map_err(|_| bad("not a head"))?;
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(bad(format!("{} {}: {head}", request.method, request.path)));
        }
        let lower = head.to_ascii_lowercase();
        let header = |name: &str| {
            let found = lower.split("\r\n").find_map(|line| line.strip_prefix(name));
            found.map(str::trim).map(str::to_owned)
        };
        if request.method == "HEAD" {
            return Ok(0);
        }
        if header("transfer-encoding:").is_some() {
            return self.chunks();
        }
        let length = header("content-length:").and_then(|text| text.parse().ok());
        let length = length.ok_or_else(|| bad("an answer without a length"))?;
        self.skip(length)?;
        Ok(length)
    }

    fn chunks(&mut self) -> Result<usize> {
        let mut total = 0;
        loop {
            let line = self.until(b"\r\n")?;
            let text = std::str::from_utf8(&line).map_err(|_| bad("not a chunk"))?;
            let size = usize::from_str_radix(text.trim(), 16).map_err(|_| bad("not a chunk"))?;
            self.skip(size)?;
            self.until(b"\r\n")?;
            if size == 0 {
                return Ok(total);
            }
            total += size;
        }
    }
}

fn read_requests() -> Result<Vec<Request>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let mut files: HashMap<String, Arc<Vec<u8>>> = HashMap::new();
    let mut requests = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<usize>().map_err(|_| bad("not a number"));
        let body = if words.len() == 5 {
            if !files.contains_key(words[2]) {
                files.insert(words[2].to_owned(), Arc::new(std::fs::read(words[2])?));
            }
            Some((files[words[2]].clone(), number(3)?, number(4)?))
        } else {
            None
        };
        requests.push(Request { method: words[0].to_owned(), path: words[1].to_owned(), body });
    }
    Ok(requests)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let connections: usize = arguments[2].parse().map_err(|_| bad("not a number"))?;
    let requests = read_requests()?;
    let next = AtomicUsize::new(0);
    let open: Result<Vec<Connection>> = (0..connections).map(|_| Connection::open(&arguments[1])).collect();
    let begun = Instant::now();
    let work = |mut connection: Connection| -> Result<(usize, Vec<f64>)> {
        let (mut received, mut times) = (0, Vec::new());
        while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
            let asked = Instant::now();
            received += connection.exchange(request)?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        Ok((received, times))
    };
    let (mut received, mut times) = (0, Vec::new());
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = open?.into_iter().map(|connection| scope.spawn(|| work(connection))).collect();
        for thread in threads {
            let (bytes, more) = thread.join().map_err(|_| bad("a thread of the client failed"))??;
            received += bytes;
            times.extend(more);
        }
        Ok(())
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let share = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or(0.0);
    println!("{seconds:.6} {} {received} {:.3} {:.3}", times.len(), share(50), share(99));
    Ok(())
}
