//! Carries bytes one way, as the link's phase wants it.
//!
//! Reading and writing are apart, with a queue between, so that late bytes do not hold up those behind them.
//! The phase counts when bytes are read, and once more, for a stall, when they are about to be written.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::schedule::Phase;

/// Bytes read at a time: small against what is sent, so that a phase that begins meanwhile is felt.
const CHUNK: usize = 4_096;

/// Chunks on their way in one direction of one connection; more are not read.
const MAX_CHUNKS: usize = 64;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From who connected.
    Out,
    /// Back to it.
    Back,
}

/// When the link is free again, in one direction, for all its connections.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// When so many bytes are through, given what goes before them.
    pub(super) fn through(&self, now: Instant, bytes: usize, bytes_per_second: u32) -> Instant {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = free.map_or(now, |free| free.max(now));
        let takes = Duration::from_secs_f64(bytes as f64 / f64::from(bytes_per_second.max(1)));
        *free.insert(begin + takes)
    }
}

/// One direction of one connection.
#[derive(Debug, Clone)]
pub(super) struct Direction {
    pub(super) way: Way,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) pace: Arc<Pace>,
    /// Decides which bits are flipped.
    pub(super) seed: u64,
}

impl Direction {
    /// Carries until `from` ends, then ends `to`.
    ///
    /// # Errors
    /// Those of the two ends, and `ConnectionReset` where the phase wants the connection cut.
    pub(super) async fn carry(
        self,
        from: impl AsyncRead + Unpin,
        to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (queue, chunks) = mpsc::channel(MAX_CHUNKS);
        let phase = self.phase.clone();
        tokio::try_join!(self.read(from, queue), write(to, chunks, phase))?;
        Ok(())
    }

    async fn read(
        mut self,
        mut from: impl AsyncRead + Unpin,
        queue: mpsc::Sender<(Instant, Vec<u8>)>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        let mut carried = 0u64;
        loop {
            no_stall(&mut self.phase).await?;
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            no_stall(&mut self.phase).await?;
            let phase = *self.phase.borrow();
            let mut chunk = buffer.get(..length).unwrap_or_default().to_vec();
            match (phase, self.way) {
                (Phase::Cut, Way::Out) => {
                    chunk.truncate(length / 2);
                    let _ = queue.send((Instant::now(), chunk)).await;
                    // The half that was sent gets its chance to leave before the connection is cut.
                    queue.reserve_many(MAX_CHUNKS).await.map_err(io::Error::other)?;
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                (Phase::LoseAnswer, Way::Back) => return Err(io::ErrorKind::ConnectionReset.into()),
                (Phase::Corrupt { every }, _) => corrupt(&mut chunk, carried, every, self.seed),
                _ => {}
            }
            carried = carried.wrapping_add(length as u64);
            let due = match phase {
                Phase::Late { ms } => Instant::now() + Duration::from_millis(ms.into()),
                Phase::Slow { bytes_per_second } => {
                    sleep_until(self.pace.through(Instant::now(), length, bytes_per_second)).await;
                    Instant::now()
                }
                _ => Instant::now(),
            };
            if queue.send((due, chunk)).await.is_err() {
                return Ok(());
            }
        }
    }
}

async fn write(
    mut to: impl AsyncWrite + Unpin,
    mut chunks: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    while let Some((due, chunk)) = chunks.recv().await {
        sleep_until(due).await;
        no_stall(&mut phase).await?;
        to.write_all(&chunk).await?;
        to.flush().await?;
    }
    to.shutdown().await
}

/// Waits while the link is stalled.
async fn no_stall(phase: &mut watch::Receiver<Phase>) -> io::Result<()> {
    phase.wait_for(|phase| *phase != Phase::Stall).await.map(drop).map_err(io::Error::other)
}

/// Flips one bit in each stretch of `every` bytes of the stream, of which `carried` went before.
fn corrupt(chunk: &mut [u8], carried: u64, every: u32, seed: u64) {
    let every = u64::from(every.max(1));
    for (position, byte) in (carried..).zip(chunk) {
        let draw = crate::snmp::mix(seed ^ (position / every));
        if position % every == draw % every {
            *byte ^= 1 << (draw >> 61);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ends {
        near: tokio::io::DuplexStream,
        far: tokio::io::DuplexStream,
        phase: watch::Sender<Phase>,
        task: tokio::task::JoinHandle<io::Result<()>>,
        began: Instant,
    }

    fn carrying(way: Way, phase: Phase) -> Ends {
        let (near, from) = tokio::io::duplex(1 << 20);
        let (to, far) = tokio::io::duplex(1 << 20);
        let (phase, receiver) = watch::channel(phase);
        let direction = Direction { way, phase: receiver, pace: Arc::default(), seed: 5 };
        let task = tokio::spawn(direction.carry(from, to));
        Ends { near, far, phase, task, began: Instant::now() }
    }

    /// Sends so many bytes and the end, and gives what arrives and when.
    async fn send(mut ends: Ends, bytes: usize) -> (Vec<u8>, Duration, io::Result<()>) {
        let sent: Vec<u8> = (0..bytes).map(|position| (position % 251) as u8).collect();
        ends.near.write_all(&sent).await.unwrap();
        ends.near.shutdown().await.unwrap();
        let mut arrived = Vec::new();
        ends.far.read_to_end(&mut arrived).await.unwrap();
        (arrived, ends.began.elapsed(), ends.task.await.unwrap())
    }

    fn sent(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|position| (position % 251) as u8).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn up_carries_everything_and_the_end() {
        let (arrived, _, ended) = send(carrying(Way::Out, Phase::Up), 100_000).await;
        assert_eq!(arrived, sent(100_000));
        assert!(ended.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn late_delays_all_alike_and_slow_by_size() {
        let late = carrying(Way::Back, Phase::Late { ms: 800 });
        let (arrived, took, _) = send(late, 100_000).await;
        assert_eq!((arrived.len(), took.as_millis()), (100_000, 800));
        let slow = carrying(Way::Out, Phase::Slow { bytes_per_second: 10_000 });
        let (arrived, took, _) = send(slow, 30_000).await;
        assert_eq!((arrived.len(), took.as_secs_f64().round()), (30_000, 3.0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_holds_everything_until_it_ends() {
        let ends = carrying(Way::Out, Phase::Stall);
        let phase = ends.phase.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            phase.send_replace(Phase::Up);
            std::future::pending::<()>().await;
        });
        let (arrived, took, ended) = send(ends, 9_000).await;
        assert_eq!((arrived, took.as_secs()), (sent(9_000), 60));
        assert!(ended.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_carries_a_half_and_resets() {
        let (arrived, _, ended) = send(carrying(Way::Out, Phase::Cut), 1_000).await;
        assert_eq!(arrived, sent(500));
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let (arrived, _, ended) = send(carrying(Way::Back, Phase::Cut), 1_000).await;
        assert!(arrived.len() == 1_000 && ended.is_ok(), "answers are not cut");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_lost_after_the_request_went_through() {
        let (arrived, _, ended) = send(carrying(Way::Out, Phase::LoseAnswer), 1_000).await;
        assert!(arrived.len() == 1_000 && ended.is_ok());
        let (arrived, _, ended) = send(carrying(Way::Back, Phase::LoseAnswer), 1_000).await;
        assert!(arrived.is_empty());
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test(start_paused = true)]
    async fn corruption_flips_one_bit_in_each_stretch() {
        let (arrived, _, _) = send(carrying(Way::Out, Phase::Corrupt { every: 512 }), 51_200).await;
        assert_eq!(arrived.len(), 51_200);
        for (right, wrong) in sent(51_200).chunks(512).zip(arrived.chunks(512)) {
            let flipped: u32 =
                right.iter().zip(wrong).map(|(right, wrong)| (right ^ wrong).count_ones()).sum();
            assert_eq!(flipped, 1);
        }
    }

    #[test]
    fn connections_share_the_pace() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.through(now, 500, 1_000) - now, Duration::from_millis(500));
        assert_eq!(pace.through(now, 500, 1_000) - now, Duration::from_millis(1_000));
        let later = now + Duration::from_secs(9);
        assert_eq!(pace.through(later, 100, 1_000) - later, Duration::from_millis(100));
    }
}
