//! A small HTTP/1.1 server on loopback that does as it is told, faults included.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Where the wanted bytes begin.
    pub(crate) fn range_start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What the server answers, and how badly.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Arc<[u8]>,
    /// The first byte of the body that is sent.
    pub(crate) start: usize,
    /// What Content-Length says, if it is not the truth; `None` in it sends none.
    pub(crate) length: Option<Option<usize>>,
    /// Closes the connection after so many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// Says nothing more after so many bytes of the body, for so long.
    pub(crate) stall: Option<(usize, Duration)>,
    /// Bytes per second.
    pub(crate) speed: Option<usize>,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        let (headers, body) = (Vec::new(), Arc::from([]));
        Self { status, headers, body, start: 0, length: None, cut: None, stall: None, speed: None }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }

    pub(crate) fn body(self, body: impl Into<Arc<[u8]>>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(crate) fn cut(self, after: usize) -> Self {
        Self { cut: Some(after), ..self }
    }
}

/// Runs until the process ends: a test is over before that matters.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) fn start(handle: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let server = Self { address, log: log.clone() };
        let handle = Arc::new(handle);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handle, log) = (handle.clone(), log.clone());
                // A client that goes away in the middle is what half of the tests are about.
                thread::spawn(move || serve(&stream, &*handle, &log).ok());
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().expect("no test failed in it").clone()
    }
}

fn serve(
    stream: &TcpStream,
    handle: &dyn Fn(&Request) -> Reply,
    log: &Mutex<Vec<Request>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader)? {
        log.lock().expect("no test failed in it").push(request.clone());
        let whole = send(stream, &request, &handle(&request))?;
        if !whole {
            break;
        }
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines[0].split(' ').map(str::to_owned);
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers = lines[1..].iter().filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(key, value)| (key.to_ascii_lowercase(), value.trim().to_owned()));
    Ok(Some(Request { method, path, headers: headers.collect() }))
}

/// Whether the connection can be used again.
fn send(mut stream: &TcpStream, request: &Request, reply: &Reply) -> io::Result<bool> {
    let body = &reply.body[reply.start..];
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let length = reply.length.unwrap_or(Some(body.len()));
    if let Some(length) = length {
        head += &format!("Content-Length: {length}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if request.method == "HEAD" {
        return Ok(length.is_some());
    }
    let cut = reply.cut.unwrap_or(body.len()).min(body.len());
    let mut sent = 0;
    while sent < cut {
        if let Some((_, pause)) = reply.stall.filter(|(after, _)| sent >= *after) {
            thread::sleep(pause);
            return Ok(false);
        }
        // A hundred steps a second, if it shall be slow.
        let step = reply.speed.map_or(1 << 16, |speed| speed.div_ceil(100));
        let end =
            (sent + step).min(cut).min(reply.stall.map_or(cut, |(after, _)| after.max(sent + 1)));
        stream.write_all(&body[sent..end])?;
        sent = end;
        if reply.speed.is_some() {
            thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(length == Some(body.len()) && cut == body.len())
}
