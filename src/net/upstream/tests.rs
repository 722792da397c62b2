//! What the connections of a pool do when names and those behind them change. Requests are tested over sockets: nothing here can make one.

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::net::TcpListener;

use super::*;

pub(super) fn settings(endpoints: Vec<Address>) -> UpstreamSettings {
    UpstreamSettings {
        name: "default".into(),
        endpoints,
        connect_timeout: Duration::from_secs(5),
        response_timeout: Duration::from_secs(5),
        body_idle: Duration::from_secs(5),
        keep_alive: Duration::from_secs(600),
        idle_max: 8,
        connections_max: 8,
        resolve: Duration::from_millis(1),
        eject: Eject { failures: 5, base: Duration::from_secs(5), most: Duration::from_secs(5) },
        panic_percent: 50,
        refuse: false,
        requests_max: 8,
        retries: 1,
        retry_idempotent: false,
        check: None,
        protocol: Protocol::Http1,
        tls: None,
    }
}

/// What a resolver says by now.
type Said = Arc<Mutex<io::Result<Vec<SocketAddr>>>>;

fn fleet(said: &Said) -> Arc<Fleet> {
    let said = Arc::clone(said);
    let resolve = move |host: &str, _port: u16| {
        assert_eq!(host, "app.example");
        match &*said.lock().unwrap_or_else(PoisonError::into_inner) {
            Ok(addresses) => Ok(addresses.clone()),
            Err(error) => Err(error.kind().into()),
        }
    };
    Fleet::start(vec![settings(vec![Address::Host("app.example".into(), 80)])], Box::new(resolve)).unwrap()
}

/// Waits for the thread that looks names up.
async fn until(fleet: &Fleet, addresses: &[SocketAddr]) {
    for _ in 0..1_000 {
        if **fleet.all[0].spots[0].addresses.load() == addresses {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the addresses never were {addresses:?}");
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn connections_follow_a_name_and_its_last_addresses_stay_while_nobody_answers_for_it() {
    let ((_one, first), (_other, second)) = (listener().await, listener().await);
    let said: Said = Arc::new(Mutex::new(Ok(vec![first])));
    let fleet = fleet(&said);
    let tasks = tokio::task::LocalSet::new();
    let pool = Pool::new(&fleet, 1);
    let endpoint = &pool.all[0].endpoints[0];
    let says = |what| *said.lock().unwrap() = what;
    tasks
        .run_until(async {
            until(&fleet, &[first]).await;
            let link = endpoint.connect().await.unwrap();
            assert_eq!(link.made.to, Some(first));
            endpoint.give_back(link);
            says(Err(io::ErrorKind::TimedOut.into()));
            tokio::time::sleep(Duration::from_millis(600)).await;
            pool.sweep();
            assert_eq!((endpoint.idle_count(), pool.open()), (1, 1), "nobody answered: all stays");
            says(Ok(Vec::new()));
            tokio::time::sleep(Duration::from_millis(600)).await;
            assert_eq!(endpoint.connect().await.unwrap().made.to, Some(first), "none is no answer");
            says(Ok(vec![second]));
            until(&fleet, &[second]).await;
            pool.sweep();
            assert_eq!(endpoint.idle_count(), 0, "what leads to an address that it no longer has is closed");
            assert_eq!(endpoint.connect().await.unwrap().made.to, Some(second));
        })
        .await;
}

#[tokio::test]
async fn addresses_take_turns_and_one_that_does_not_answer_costs_no_request() {
    let ((_one, first), (_other, second), (gone, third)) =
        (listener().await, listener().await, listener().await);
    drop(gone);
    let said: Said = Arc::new(Mutex::new(Ok(vec![first, second, third])));
    let fleet = fleet(&said);
    let pool = Pool::new(&fleet, 1);
    until(&fleet, &[first, second, third]).await;
    let endpoint = &pool.all[0].endpoints[0];
    let mut found = Vec::new();
    for _ in 0..6 {
        let (_stream, _open, made) = endpoint.dial(Protocol::Http1).await.unwrap();
        found.push(made.to.unwrap());
    }
    assert_eq!(found, [first, second, first, first, second, first]);
    assert_eq!(pool.open(), 0, "those that were dropped are not counted");
}

#[tokio::test]
async fn over_its_connections_nothing_is_dialled() {
    let (_one, first) = listener().await;
    let address = Address::Host(first.ip().to_string().into(), first.port());
    let fleet = Fleet::start(vec![settings(vec![address])], Box::new(ask_system)).unwrap();
    let pool = Pool::new(&fleet, 1);
    let endpoint = &pool.all[0].endpoints[0];
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(endpoint.dial(Protocol::Http1).await.unwrap());
    }
    assert_eq!(endpoint.dial(Protocol::Http1).await.unwrap_err(), Failure::Overloaded);
    held.pop();
    assert!(endpoint.dial(Protocol::Http1).await.is_ok());
}
