//! Outer tests: every engine by one suite.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Runs each test with each of the engines named after it, on a store of its own.
macro_rules! engine_suite {
    ($($test:ident: $($engine:ident)+;)+) => { $(
        mod $test {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $engine() {
                    let world = crate::world::World::new().await;
                    super::$test(&world, crate::world::Kind::from_name(stringify!($engine))).await;
                }
            )+
        }
    )+ };
}

mod format;
mod index;
mod moving;
mod near;
mod sliding;
mod suite;
mod world;
