//! Small questions and answers on a connection that stays: a database's
//! queries, the keystrokes of a login.

use std::io;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::stage::millis;

/// Bytes of a request. The first two are the length of the answer wanted.
const QUESTION: usize = 64;

/// Answers questions until the other end hangs up.
///
/// # Errors
/// The connection's.
pub async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut question = [0; QUESTION];
    let answers = vec![0; usize::from(u16::MAX)];
    loop {
        stream.read_exact(&mut question).await?;
        let length = u16::from_be_bytes([question[0], question[1]]);
        stream.write_all(&answers[..usize::from(length)]).await?;
    }
}

/// How a client asks.
pub struct Manner {
    /// How many bursts of questions there are until the end.
    pub bursts: Range<u32>,
    /// How many questions follow each other in a burst.
    pub questions: Range<u32>,
    /// Milliseconds between two of them.
    pub gap: Range<u64>,
    /// Milliseconds between two bursts.
    pub rest: Range<u64>,
    /// Bytes of an answer.
    pub answer: Range<u16>,
}

/// Asks and hangs up.
///
/// # Errors
/// The connection's.
pub async fn ask(mut stream: TcpStream, manner: &Manner) -> io::Result<()> {
    let mut question = [0; QUESTION];
    let mut answer = vec![0; usize::from(manner.answer.end)];
    for _ in 0..fastrand::u32(manner.bursts.clone()) {
        for _ in 0..fastrand::u32(manner.questions.clone()) {
            let length = fastrand::u16(manner.answer.clone());
            question[..2].copy_from_slice(&length.to_be_bytes());
            stream.write_all(&question).await?;
            stream
                .read_exact(&mut answer[..usize::from(length)])
                .await?;
            sleep(millis(manner.gap.clone())).await;
        }
        sleep(millis(manner.rest.clone())).await;
    }
    stream.shutdown().await
}
