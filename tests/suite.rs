//! Everything that crosses crates, in one program: one module per file, named after what it holds.

mod checkpoint_01_layer_norm;
mod checkpoint_02_qkv_projection;
mod checkpoint_03_kv_cache;
mod checkpoint_04_attention_scores;
mod checkpoint_05_attention_output;
mod checkpoint_06_ffn_output;
mod checkpoint_07_block_output;
mod checkpoint_08_full_logits;
mod checkpoint_09_selected_logits;
mod checkpoint_10_argmax;
mod checkpoint_11_probabilities;
mod checkpoint_12_end_to_end;
mod determinism;
mod diagnosis_doc;
#[cfg(feature = "openblas")]
mod openblas;
mod real_gpt2_checkpoint_01;
mod real_gpt2_checkpoint_02;
mod real_gpt2_checkpoint_03;
mod real_gpt2_checkpoint_04;
mod real_gpt2_checkpoint_05;
mod report_page;
mod tidy;
mod tokenizer;
mod variants;
