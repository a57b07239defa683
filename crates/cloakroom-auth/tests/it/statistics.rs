//! Whether two sets of measured times could come from the same thing.

/// Chance of taking two samples of the same distribution for different ones.
const SIGNIFICANCE: f64 = 0.001;

/// Medians so close, as a share, are alike whatever the test says: with enough samples any two differ.
const NEGLIGIBLE: f64 = 0.03;

/// What is wrong if `a` and `b` were measured of different things: they differ by the two-sample Kolmogorov–Smirnov test,
/// and by more than a trifle.
pub(crate) fn difference(a: &[f64], b: &[f64]) -> Option<String> {
    let distance = kolmogorov_smirnov(a, b);
    let (n, m) = (a.len() as f64, b.len() as f64);
    let critical = (-(SIGNIFICANCE / 2.0).ln() / 2.0).sqrt() * ((n + m) / (n * m)).sqrt();
    let (x, y) = (median(a), median(b));
    let differ = distance > critical && (x - y).abs() > NEGLIGIBLE * x.max(y);
    differ.then(|| format!("medians {x:.1} and {y:.1} µs, distance {distance:.3} where {critical:.3} is by chance"))
}

/// The greatest distance between two empirical distribution functions.
fn kolmogorov_smirnov(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (sorted(a), sorted(b));
    let below = |sorted: &[f64], x: f64| sorted.partition_point(|y| *y <= x) as f64 / sorted.len() as f64;
    a.iter().chain(&b).map(|x| (below(&a, *x) - below(&b, *x)).abs()).fold(0.0, f64::max)
}

fn median(samples: &[f64]) -> f64 {
    sorted(samples)[samples.len() / 2]
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[test]
fn like_is_told_from_unlike() {
    let ramp = |from: f64| (0..1000).map(|n| from + f64::from(n % 97) / 10.0).collect::<Vec<_>>();
    assert_eq!(difference(&ramp(100.0), &ramp(100.0)), None);
    assert_eq!(difference(&ramp(100.0), &ramp(101.0)), None, "sure, but too little to matter");
    assert!(difference(&ramp(100.0), &ramp(110.0)).is_some());
    let few = ramp(100.0)[..3].to_vec();
    assert_eq!(difference(&few, &ramp(104.0)), None, "too few to say");
    assert!((kolmogorov_smirnov(&[1.0, 2.0], &[3.0, 4.0]) - 1.0).abs() < 1e-9);
    assert!((kolmogorov_smirnov(&[1.0, 3.0], &[2.0, 4.0]) - 0.5).abs() < 1e-9);
}
