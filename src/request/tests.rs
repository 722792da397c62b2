//! What the states of a request cost to move.

use super::*;

#[test]
fn what_is_moved_through_the_steps_is_small() {
    type Client = hyper::body::Incoming;
    // Each is moved a dozen times in a request: a redactor by value in two of them once cost as much as the record.
    assert!(size_of::<Received<Client>>() <= 64, "{}", size_of::<Received<Client>>());
    assert!(size_of::<Authorized<Client>>() <= 192, "{}", size_of::<Authorized<Client>>());
    assert!(size_of::<Outbound<Client>>() <= 128, "{}", size_of::<Outbound<Client>>());
    assert!(size_of::<Answer<Client>>() <= 160, "{}", size_of::<Answer<Client>>());
}
