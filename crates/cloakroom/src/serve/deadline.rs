//! [`Deadline`]: how long a connection may be without a request under way.
//!
//! hyper has a deadline of its own for headers. It sets a timer for each and takes it back when the header is there, which
//! takes time, and it begins with the first byte: who sends none is never cut off.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use http::Version;
use hyper::body::{Frame, SizeHint};
use pin_project_lite::pin_project;

/// Whole seconds since the server began, as of the last [`tick`](Self::tick). To look at it costs next to nothing.
#[derive(Clone, Debug)]
pub(super) struct CoarseClock {
    began: Instant,
    seconds: Arc<AtomicU32>,
}

impl CoarseClock {
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), seconds: Arc::default() }
    }

    /// Sets it; at least once a second.
    pub(super) fn tick(&self) {
        self.seconds.store(u32::try_from(self.began.elapsed().as_secs()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    fn now(&self) -> u32 {
        self.seconds.load(Ordering::Relaxed)
    }

    fn instant(&self, seconds: u32) -> Instant {
        self.began + Duration::from_secs(seconds.into())
    }
}

/// What is under way on a connection.
#[derive(Debug)]
pub(super) struct Activity {
    clock: CoarseClock,
    /// Requests whose answers are not all sent.
    requests: AtomicUsize,
    /// Since when there are none.
    idle_since: AtomicU32,
    /// HTTP/2, where a connection that rests costs its owner more than us.
    may_rest: AtomicBool,
}

impl Activity {
    pub(super) fn new(clock: CoarseClock) -> Arc<Self> {
        let idle_since = clock.now().into();
        Arc::new(Self { clock, requests: AtomicUsize::new(0), idle_since, may_rest: AtomicBool::new(false) })
    }

    /// A header is there.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> UnderWay {
        if version == Version::HTTP_2 {
            self.may_rest.store(true, Ordering::Relaxed);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// When the next header must be there, in seconds of the clock; `None` while none is waited for.
    fn due(&self, allowed: u32) -> Option<u32> {
        let waits = self.requests.load(Ordering::Relaxed) == 0 && !self.may_rest.load(Ordering::Relaxed);
        waits.then(|| self.idle_since.load(Ordering::Relaxed).saturating_add(allowed))
    }
}

/// A request, until its answer has been sent or is given up.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let activity = &self.0;
        activity.idle_since.store(activity.clock.now(), Ordering::Relaxed);
        activity.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project! {
    /// A request on its way through the application.
    pub(super) struct Answering {
        #[pin]
        future: RouteFuture<std::convert::Infallible>,
        under_way: Option<UnderWay>,
    }
}

impl Answering {
    pub(super) fn new(future: RouteFuture<std::convert::Infallible>, under_way: UnderWay) -> Self {
        Self { future, under_way: Some(under_way) }
    }
}

impl Future for Answering {
    type Output = Result<http::Response<SentBody>, std::convert::Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response: Response = ready!(this.future.poll(cx))?;
        let under_way = this.under_way.take();
        Poll::Ready(Ok(response.map(|body| SentBody { body, _under_way: under_way })))
    }
}

/// An answer's body. hyper drops it when all of it is on its way.
#[derive(Debug)]
pub(super) struct SentBody {
    body: Body,
    _under_way: Option<UnderWay>,
}

impl hyper::body::Body for SentBody {
    type Data = <Body as hyper::body::Body>::Data;
    type Error = <Body as hyper::body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pin_project! {
    /// A connection that ends when no header comes for longer than it may.
    pub(super) struct Deadline<C> {
        #[pin]
        connection: C,
        activity: Arc<Activity>,
        // Seconds.
        allowed: u32,
        alarm: Pin<Box<tokio::time::Sleep>>,
        // Whom the alarm wakes.
        waker: Option<Waker>,
    }
}

impl<C> Deadline<C> {
    pub(super) fn new(connection: C, activity: Arc<Activity>, allowed: Duration) -> Self {
        // The clock may be a second late.
        let allowed = u32::try_from(allowed.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let due = activity.clock.instant(activity.clock.now().saturating_add(allowed));
        let alarm = Box::pin(tokio::time::sleep_until(due.into()));
        Self { connection, activity, allowed, alarm, waker: None }
    }
}

/// Ends with the connection; `None` if that was cut off.
impl<C: Future> Future for Deadline<C> {
    type Output = Option<C::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(ended) = this.connection.poll(cx) {
            return Poll::Ready(Some(ended));
        }
        // The alarm stays set from one request to the next, and is looked at when it rings.
        while this.alarm.is_elapsed() || !this.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            if this.alarm.as_mut().poll(cx).is_pending() {
                *this.waker = Some(cx.waker().clone());
                break;
            }
            *this.waker = None;
            this.activity.clock.tick();
            let now = this.activity.clock.now();
            let due = match this.activity.due(*this.allowed) {
                Some(due) if due <= now => return Poll::Ready(None),
                Some(due) => due,
                None => now.saturating_add(*this.allowed),
            };
            this.alarm.as_mut().reset(this.activity.clock.instant(due).into());
        }
        Poll::Pending
    }
}
