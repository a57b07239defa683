//! Whose turn it is among tasks that are ready: [`after_others`].

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Does `work` whenever it is woken, but each time after the other tasks that are ready have had their turn.
///
/// For a task that sends what others hand it: a runtime wakes it at the first one's bidding, and then it would send that alone.
/// As the last it sends what all have to say at once, in one call of the system instead of one for each.
pub async fn after_others<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    let mut waited = false;
    poll_fn(|cx| {
        waited = !waited;
        if waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        work.as_mut().poll(cx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_second_turn_is_the_works() {
        let wakes = Arc::new(Wakes::default());
        let waker = Arc::clone(&wakes).into();
        let mut cx = Context::from_waker(&waker);
        let mut polls = 0;
        let mut work = pin!(after_others(poll_fn(|_| {
            polls += 1;
            if polls == 2 { Poll::Ready("done") } else { Poll::Pending }
        })));
        assert!(work.as_mut().poll(&mut cx).is_pending());
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "it has itself called again");
        assert!(work.as_mut().poll(&mut cx).is_pending());
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "now others call it");
        assert!(work.as_mut().poll(&mut cx).is_pending());
        assert_eq!(work.as_mut().poll(&mut cx), Poll::Ready("done"));
    }
}
