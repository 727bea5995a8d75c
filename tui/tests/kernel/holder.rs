//! Processes that hold sockets: this program, called again. They start no others,
//! so nobody else ever has a descriptor of what they hold. Those of the tests do
//! get around: whatever test starts a process lends it all, for a moment.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::net::sockopt::socket_cookie;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use socket2::{Domain, Socket, Type};

use crate::namespace::Namespace;

const CONNECT: &str = "--hold-connections";
const RECEIVE: &str = "--hold-what-comes";
/// Where all of them listen, in a namespace of the test's own.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4000);
/// Connections that one makes.
pub const CONNECTIONS: usize = 600;
/// How many of the sockets stay open, and are so at the end.
const HELD: usize = 16;

/// What a holder says of itself.
pub enum Line {
    /// It has a socket with this cookie.
    Has(u64),
    /// It will hold this one to its end.
    Keeps(u64),
}

/// A process that holds sockets. Dropping it ends it.
pub struct Holder {
    child: Child,
    /// What it says.
    pub lines: Receiver<Line>,
}

impl Holder {
    /// One that makes connections to all of its kind, and accepts some of theirs.
    pub fn of_connections(namespace: &Namespace) -> Self {
        namespace.enter(|| Self::start(CONNECT, Stdio::piped()))
    }

    /// One that holds a socket that it is given over another.
    pub fn of(socket: OwnedFd) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let holder = Self::start(RECEIVE, OwnedFd::from(theirs).into());
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [std::os::fd::AsFd::as_fd(&socket)];
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let data = [io::IoSlice::new(b"!")];
        sendmsg(&ours, &data, &mut control, SendFlags::empty()).unwrap();
        holder
    }

    fn start(what: &str, stdin: Stdio) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(what).stdin(stdin).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let (word, cookie) = line.split_once(' ').unwrap();
                let cookie = cookie.parse().unwrap();
                let line = match word {
                    "has" => Line::Has(cookie),
                    _ => Line::Keeps(cookie),
                };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this process is a holder, which has then done its work.
pub fn is_one() -> bool {
    let hold = match std::env::args().nth(1).as_deref() {
        Some(CONNECT) => connect,
        Some(RECEIVE) => receive,
        _ => return false,
    };
    hold().unwrap();
    true
}

fn say(word: &str, cookie: u64) -> io::Result<()> {
    writeln!(io::stdout(), "{word} {cookie}")
}

/// Until it is killed.
fn stay() -> io::Result<()> {
    loop {
        thread::park();
    }
}

fn connect() -> io::Result<()> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.set_reuse_port(true)?;
    listener.bind(&ADDRESS.into())?;
    listener.listen(128)?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from(listener);
    let mut held: VecDeque<TcpStream> = VecDeque::new();
    let mut hold = |stream: TcpStream| {
        say("has", socket_cookie(&stream)?)?;
        held.push_back(stream);
        if held.len() > HELD {
            held.pop_front();
        }
        io::Result::Ok(())
    };
    for _ in 0..CONNECTIONS {
        hold(TcpStream::connect(ADDRESS)?)?;
        while let Ok((stream, _)) = listener.accept() {
            hold(stream)?;
        }
    }
    for stream in &held {
        say("keeps", socket_cookie(stream)?)?;
    }
    // The others may still be at it: no connection of theirs waits in vain.
    listener.set_nonblocking(false)?;
    loop {
        drop(listener.accept()?);
    }
}

fn receive() -> io::Result<()> {
    let stdin = rustix::stdio::stdin();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut data = [0];
    let mut buffers = [io::IoSliceMut::new(&mut data)];
    recvmsg(stdin, &mut buffers, &mut control, RecvFlags::empty())?;
    let sockets: Vec<OwnedFd> = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
            _ => None,
        })
        .flatten()
        .collect();
    for socket in &sockets {
        say("keeps", socket_cookie(socket)?)?;
    }
    stay()
}
