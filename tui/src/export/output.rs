//! A sink on a thread of its own, and the bounded queue in front of it.

use std::io;
use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::Sink;
use crate::model::{Device, DeviceTotals, Envelope, Event, FlowCounts, Packet};

#[cfg(test)]
mod tests;

/// The queue's length is counted in pieces of this many bytes.
const PIECE: usize = 1 << 10;

/// An event that waits for its sink, and the room that it takes meanwhile.
type Waiting = (Envelope, OwnedSemaphorePermit);

/// Hands events to a sink. Dropping it lets the sink finish.
pub struct Queue {
    events: mpsc::UnboundedSender<Waiting>,
    /// Pieces that are free. It bounds the channel.
    room: Arc<Semaphore>,
    /// Pieces in all.
    pieces: u32,
    /// Packets that were dropped since the sink last learned of them.
    lost: Arc<AtomicU64>,
    /// Whether packets wait for room like everything else.
    keeps_all: bool,
}

/// The sink has ended, because its reader has gone or it cannot write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// A sink that is running.
pub struct Output {
    is_complete: watch::Receiver<bool>,
    outcome: oneshot::Receiver<io::Result<()>>,
}

impl Output {
    /// Starts the sink on a thread of its own. At most `bytes` of events wait for
    /// it.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(sink: Box<dyn Sink>, bytes: usize) -> io::Result<(Queue, Self)> {
        let pieces = u32::try_from(bytes / PIECE).unwrap_or(u32::MAX).max(1);
        let (events, waiting) = mpsc::unbounded_channel();
        let (complete, is_complete) = watch::channel(false);
        let (ended, outcome) = oneshot::channel();
        let lost = Arc::new(AtomicU64::new(0));
        let queue = Queue {
            events,
            room: Arc::new(Semaphore::new(pieces as usize)),
            pieces,
            lost: Arc::clone(&lost),
            keeps_all: false,
        };
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || {
                let written = write(sink, waiting, &lost, &complete);
                // Whoever started it may have given it up.
                let _ = ended.send(written);
            })?;
        let output = Self {
            is_complete,
            outcome,
        };
        Ok((queue, output))
    }

    /// Waits until the sink has written as much as it was asked for, or has
    /// ended.
    pub async fn complete(&mut self) {
        // An error is that it has ended.
        let _ = self.is_complete.wait_for(|complete| *complete).await;
    }

    /// Waits for the end of the sink.
    ///
    /// # Errors
    /// Those of its writer; none when the reader has gone.
    pub async fn ended(&mut self) -> io::Result<()> {
        match (&mut self.outcome).await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Ok(outcome) => outcome,
            Err(_) => Err(io::Error::other("the thread that writes has failed")),
        }
    }
}

fn write(
    mut sink: Box<dyn Sink>,
    mut waiting: mpsc::UnboundedReceiver<Waiting>,
    lost: &AtomicU64,
    complete: &watch::Sender<bool>,
) -> io::Result<()> {
    let report_lost = |sink: &mut dyn Sink| match lost.swap(0, Ordering::Relaxed) {
        0 => Ok(()),
        packets => sink.lost(packets),
    };
    while let Some((envelope, room)) = waiting.blocking_recv() {
        report_lost(&mut *sink)?;
        sink.event(&envelope)?;
        drop((envelope, room));
        if sink.is_complete() {
            complete.send_replace(true);
        }
    }
    report_lost(&mut *sink)?;
    sink.finish()
}

impl Queue {
    /// The queue of a source that can wait: no packets are dropped.
    #[must_use]
    pub fn keeping_all(self) -> Self {
        Self {
            keeps_all: true,
            ..self
        }
    }

    /// Hands over an event. Packets that find no room are dropped and counted;
    /// everything else waits for room.
    ///
    /// # Errors
    /// When the sink has ended.
    pub async fn send(&self, envelope: Envelope) -> Result<(), Closed> {
        let pieces = weight(&envelope.event).div_ceil(PIECE);
        let pieces = u32::try_from(pieces).map_or(self.pieces, |pieces| pieces.min(self.pieces));
        let room = Arc::clone(&self.room);
        let permit = match &envelope.event {
            Event::Packets(packets) if !self.keeps_all => match room.try_acquire_many_owned(pieces)
            {
                Ok(permit) => permit,
                Err(_) => {
                    let packets = packets.len() as u64;
                    self.lost.fetch_add(packets, Ordering::Relaxed);
                    return if self.events.is_closed() {
                        Err(Closed)
                    } else {
                        Ok(())
                    };
                }
            },
            _ => tokio::select! {
                permit = room.acquire_many_owned(pieces) => permit.map_err(|_| Closed)?,
                () = self.events.closed() => return Err(Closed),
            },
        };
        self.events.send((envelope, permit)).map_err(|_| Closed)
    }
}

/// About how many bytes an event takes.
fn weight(event: &Event) -> usize {
    let parts = match event {
        Event::Devices(devices) => size_of_val(devices.as_slice()) + devices.len() * NAMES,
        Event::Interval(interval) => {
            interval.flows.len() * size_of::<FlowCounts>()
                + interval.devices.len() * size_of::<DeviceTotals>()
        }
        Event::Packets(packets) => packets
            .iter()
            .map(|packet| size_of::<Packet>() + packet.data.len())
            .sum(),
        Event::Signals(signals) => {
            size_of_val(signals.stacks.as_slice())
                + size_of_val(signals.drops.as_slice())
                + size_of_val(signals.socket_errors.as_slice())
                + size_of_val(signals.neighbors.as_slice())
                + size_of_val(signals.resets.as_slice())
                + size_of_val(signals.owners.as_slice())
        }
        Event::Notice(_)
        | Event::Reply(_)
        | Event::Ended(_)
        | Event::Blocks(_)
        | Event::Playback(_)
        | Event::Reach(_)
        | Event::Marks { .. } => 0,
    };
    parts + PIECE
}

/// What the names and programs of a device take beside [`Device`] itself, about.
const NAMES: usize = 2 * size_of::<Device>();
