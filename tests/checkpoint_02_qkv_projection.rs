//! Checkpoint 2, queries, keys and values: `x @ W + b`, thirds, then heads.

use gpt2_tests::{
    Altered, assert_agrees, assert_caught, assert_fails_first, demo_runs, demo_weights,
};
use gpt2_trace::Checkpoint;
use ndarray::{Array2, Axis};

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::QkvProjection, 135);
}

/// `c_attn` of block 1 with its output columns reordered.
fn with_columns(order: impl Fn(usize) -> usize) -> Altered {
    let columns: Vec<usize> = (0..3 * demo_weights().config().n_embd).map(order).collect();
    Altered::demo()
        .matrix("h.1.attn.c_attn.weight", |weight| weight.select(Axis(1), &columns))
        .vector("h.1.attn.c_attn.bias", |bias| bias.select(Axis(0), &columns))
}

/// The column that stands at `column` when two of the thirds change places.
fn swapped(column: usize, a: usize, b: usize) -> usize {
    let width = demo_weights().config().n_embd;
    let third = match column / width {
        third if third == a => b,
        third if third == b => a,
        third => third,
    };
    third * width + column % width
}

#[test]
fn swapped_thirds_fail() {
    for (a, b, first) in [(0, 1, "q"), (0, 2, "q"), (1, 2, "k")] {
        let model = with_columns(|column| swapped(column, a, b)).model();
        assert_fails_first(&model, &format!("h.1.attn.{first}"));
    }
}

/// Some models keep the three of each head together instead: `[heads, 3, head_dim]`.
#[test]
fn thirds_within_heads_fail() {
    let config = demo_weights().config();
    let (width, dim) = (config.n_embd, config.head_dim());
    let model = with_columns(|column| {
        let (third, head, d) = (column / width, column % width / dim, column % dim);
        head * 3 * dim + third * dim + d
    });
    assert_fails_first(&model.model(), "h.1.attn.q");
}

/// The bytes of `[in, out]` taken for those of `[out, in]`, which `torch.nn.Linear` has.
#[test]
fn transposed_weight_fails() {
    let model = Altered::demo()
        .matrix("h.0.attn.c_attn.weight", |weight| {
            let (rows, columns) = weight.dim();
            let values = weight.iter().copied().collect();
            let taken = Array2::from_shape_vec((columns, rows), values).expect("as many elements");
            taken.t().to_owned()
        })
        .model();
    assert_fails_first(&model, "h.0.attn.q");
}

#[test]
fn without_bias_fails() {
    let model = Altered::demo().vector("h.3.attn.c_attn.bias", |bias| bias * 0.0).model();
    assert_fails_first(&model, "h.3.attn.q");
}

/// One column of 384: the mean difference would hardly move, the largest does.
#[test]
fn one_weight_off_by_a_percent_fails() {
    let model = Altered::demo()
        .matrix("h.0.attn.c_attn.weight", |mut weight| {
            // A value column: queries and keys still agree.
            let column = weight.ncols() - 1;
            weight.column_mut(column).mapv_inplace(|w| w * 1.01);
            weight
        })
        .model();
    assert_fails_first(&model, "h.0.attn.v");
}

#[test]
fn known_mistakes_fail() {
    assert_caught(
        Checkpoint::QkvProjection,
        &[
            "weight-transposed",
            "qkv-bias-missing",
            "qkv-thirds-swapped",
            "qkv-thirds-qvk",
            "qkv-thirds-vkq",
            "qkv-thirds-vqk",
            "qkv-thirds-kvq",
            "heads-split-3dh",
            "heads-split-h3d",
            "heads-interleaved",
            "query-scaled",
            "tf32",
        ],
    );
}
