//! The roofline as a picture: FLOP/s over FLOP per byte, both logarithmic (Williams, Waterman and
//! Patterson 2009).

use std::fmt::Write as _;

use anyhow::{Context, Result};

use crate::machine::Machine;
use crate::roofline::Series;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 56.0;
const RIGHT: f64 = 30.0;
const BOTTOM: f64 = 56.0;
/// FLOP per byte, the horizontal axis.
const X: [f64; 2] = [0.25, 1024.0];
const COLOURS: [&str; 4] = ["#1f5fa8", "#c2571a", "#3c8a3c", "#7a4ea3"];

struct Axes {
    /// GFLOP/s, the vertical axis.
    y: [f64; 2],
}

impl Axes {
    fn x(&self, intensity: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * share(intensity, X)
    }

    fn y(&self, gflops: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share(gflops, self.y)
    }
}

/// Where `value` lies between two ends, by logarithm; never outside.
fn share(value: f64, [low, high]: [f64; 2]) -> f64 {
    ((value / low).ln() / (high / low).ln()).clamp(0.0, 1.0)
}

pub(crate) fn roofline(machine: &Machine, series: &[Series]) -> Result<String> {
    let peak = series.iter().map(|s| s.measured.limits.flops / 1e9).fold(1.0, f64::max);
    let axes = Axes { y: [1.0, 10_f64.powf(peak.log10().ceil())] };
    let mut svg = String::new();
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="{LEFT}" y="22" font-size="15">GPT-2 124M in f32 against the limits of the machine</text>
<text x="{LEFT}" y="40" fill="#555">{}</text>"##,
        escape(&machine.to_string())
    )?;
    grid(&mut svg, &axes)?;
    let mut names: Vec<&str> = series.iter().map(|series| series.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let most = series.iter().map(|series| series.measured.threads).max().unwrap_or(1);
    let mut roofs = Vec::new();
    for one in series {
        let name = names.binary_search(&one.name.as_str()).ok().context("a name of its own")?;
        if !roofs.contains(&one.measured.threads) {
            roofs.push(one.measured.threads);
            roof(&mut svg, &axes, one)?;
        }
        points(&mut svg, &axes, one, COLOURS[name % COLOURS.len()], one.measured.threads == most)?;
    }
    for (i, name) in names.iter().enumerate() {
        let y = HEIGHT - BOTTOM - 12.0 - 18.0 * i as f64;
        let (x, colour) = (WIDTH - RIGHT - 210.0, COLOURS[i % COLOURS.len()]);
        writeln!(
            svg,
            r#"<circle cx="{x}" cy="{}" r="5" fill="{colour}"/><text x="{}" y="{y}">{}</text>"#,
            y - 4.0,
            x + 12.0,
            escape(name)
        )?;
    }
    writeln!(
        svg,
        r##"<text x="{}" y="{}" fill="#555">filled: {most} thread{}</text>
</svg>"##,
        WIDTH - RIGHT - 214.0,
        HEIGHT - BOTTOM - 12.0 - 18.0 * names.len() as f64,
        if most == 1 { "" } else { "s" }
    )?;
    Ok(svg)
}

fn grid(svg: &mut String, axes: &Axes) -> Result<()> {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let mut intensity = X[0];
    while intensity <= X[1] {
        let x = axes.x(intensity);
        writeln!(
            svg,
            r##"<path d="M{x:.1} {TOP}V{bottom}" stroke="#eee"/><text x="{x:.1}" y="{}" text-anchor="middle">{intensity}</text>"##,
            bottom + 16.0
        )?;
        intensity *= 4.0;
    }
    let mut gflops = axes.y[0];
    while gflops <= axes.y[1] {
        let y = axes.y(gflops);
        writeln!(
            svg,
            r##"<path d="M{LEFT} {y:.1}H{right}" stroke="#eee"/><text x="{}" y="{:.1}" text-anchor="end">{gflops}</text>"##,
            LEFT - 8.0,
            y + 4.0
        )?;
        gflops *= 10.0;
    }
    writeln!(
        svg,
        r#"<text x="{:.1}" y="{}" text-anchor="middle">FLOP per byte</text>
<text transform="translate(16 {:.1}) rotate(-90)" text-anchor="middle">GFLOP/s</text>"#,
        f64::midpoint(LEFT, right),
        bottom + 38.0,
        f64::midpoint(TOP, bottom)
    )?;
    Ok(())
}

/// The slope of the memory and the level of the arithmetic.
fn roof(svg: &mut String, axes: &Axes, series: &Series) -> Result<()> {
    let (peak, bytes) = (series.measured.limits.flops / 1e9, series.measured.limits.bytes / 1e9);
    let threads = series.measured.threads;
    writeln!(
        svg,
        r##"<polyline fill="none" stroke="#444" stroke-width="1.5" points="{:.1},{:.1} {:.1},{:.1} {:.1},{:.1}"/>
<text x="{}" y="{:.1}" text-anchor="end" fill="#444">{threads} thread{}: {peak:.0} GFLOP/s, {bytes:.1} GB/s</text>"##,
        axes.x(X[0]),
        axes.y(bytes * X[0]),
        axes.x(peak / bytes),
        axes.y(peak),
        axes.x(X[1]),
        axes.y(peak),
        WIDTH - RIGHT,
        axes.y(peak) - 5.0,
        if threads == 1 { "" } else { "s" },
    )?;
    Ok(())
}

fn points(
    svg: &mut String,
    axes: &Axes,
    series: &Series,
    colour: &str,
    filled: bool,
) -> Result<()> {
    let fill = if filled { colour } else { "white" };
    for outcome in &series.measured.results {
        let gflops = outcome.flops as f64 / outcome.seconds / 1e9;
        let intensity = outcome.flops as f64 / outcome.bytes as f64;
        let (x, y) = (axes.x(intensity), axes.y(gflops));
        let title = format!(
            "{}, {}, {} threads: {gflops:.0} GFLOP/s, {:.0}% of the limit",
            outcome.name,
            series.name,
            series.measured.threads,
            100.0 * outcome.fraction
        );
        writeln!(
            svg,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{fill}" fill-opacity="0.75" stroke="{colour}" stroke-width="1.5"><title>{}</title></circle>"#,
            escape(&title)
        )?;
    }
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
