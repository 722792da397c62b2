//! What a wire tells the answer that is sent over it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Wake;
use std::task::Waker;

use tokio::io::AsyncReadExt;

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn an_answer_waits_until_its_client_has_taken_something() {
    let (mut client, stream) = tokio::io::duplex(8);
    let line = Rc::new(Line::new(0));
    let mut wire = Wire::new(stream, None, b"", Rc::clone(&line), Rc::default());
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let cx = Context::from_waker(&waker);
    let mut write = |cx: &mut Context<'_>| Pin::new(&mut wire).poll_write(cx, b"0123456789");
    assert!(write(&mut Context::from_waker(Waker::noop())).is_ready());
    assert!(line.takes(&cx), "all that was written has been taken");
    assert!(write(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(!line.takes(&cx));
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    client.read_exact(&mut [0; 4]).await.unwrap();
    assert!(write(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(count.0.load(Ordering::Relaxed), 1, "whoever waits is woken");
    assert!(line.takes(&cx));
}
