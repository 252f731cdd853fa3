"""Tiny random models of many families: what transformers' config of each needs to be small, by model type."""

from __future__ import annotations

from typing import Any

from journey_testing.models import tiny_model

_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_LOCAL = {"num_local_experts": 4, "num_experts_per_tok": 2}
_MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_expand": 2, "mamba_n_groups": 1}
_MAMBA["mamba_chunk_size"] = 8
_LINEAR = {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8}
_THEN_FULL = ["linear_attention", "full_attention"]
_SLIDING = {"sliding_window": 6, "layer_types": ["sliding_attention", "full_attention"]}
_LAYERWISE = {"head_dim": 8, "vocab_size_per_layer_input": 64, "hidden_size_per_layer_input": 8, **_SLIDING}
_LAYERWISE["num_kv_shared_layers"] = 0

# Recurrent or convolutional states beside keys and values, or in their place.
HYBRIDS: dict[str, dict[str, Any]] = {
    "qwen3_5_text": {"head_dim": 8, **_LINEAR, "layer_types": _THEN_FULL},
    "qwen3_next": {
        "head_dim": 8,
        **_LINEAR,
        "layer_types": _THEN_FULL,
        **_EXPERTS,
        "shared_expert_intermediate_size": 16,
    },
    "granitemoehybrid": {
        "layer_types": ["mamba", "attention"],
        "num_local_experts": 0,
        "shared_intermediate_size": 48,
        **_MAMBA,
    },
    "bamba": {"attn_layer_indices": [1], **_MAMBA},
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_multiple_of": 8},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1, **_EXPERTS},
    "nemotron_h": {
        "layers_block_type": ["mamba", "attention"],
        "mamba_num_heads": 8,
        "mamba_head_dim": 8,
        "ssm_state_size": 8,
        "n_groups": 1,
        "chunk_size": 8,
        "head_dim": 8,
    },
    "falcon_h1": {"mamba_d_ssm": 64, "head_dim": 8, **_MAMBA},
    "recurrent_gemma": {
        "head_dim": 8,
        "lru_width": 32,
        "attention_window_size": 8,
        "block_types": ["recurrent", "attention"],
    },
    "jamba": {
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "mamba_d_state": 8,
        "use_mamba_kernels": False,
    },
}
EXPERTS: dict[str, dict[str, Any]] = {
    "gpt_oss": {"head_dim": 8, "sliding_window": 6, **_LOCAL},
    "qwen2_moe": {**_EXPERTS, "shared_expert_intermediate_size": 16},
    "qwen3_moe": {"head_dim": 8, **_EXPERTS},
    "granitemoe": _LOCAL,
    "mixtral": _LOCAL,
    "olmoe": {"num_experts": 4, "num_experts_per_tok": 2},
}
ATTENTION: dict[str, dict[str, Any]] = {
    **{name: {} for name in "llama qwen2 phi mistral ministral3 olmo olmo2 granite gpt_neox stablelm cohere".split()},
    **{name: {} for name in "apertus arcee smollm3 starcoder2 nemotron mpt".split()},
    **{name: {"head_dim": 8} for name in "qwen3 gemma glm glm4 ernie4_5".split()},
    "gemma2": {"head_dim": 8, "sliding_window": 6},
    "gemma3_text": {"head_dim": 8, **_SLIDING},
    "gemma3n_text": {**_LAYERWISE, "laurel_rank": 8, "activation_sparsity_pattern": [0.0, 0.0]},
    "gemma4_text": {**_LAYERWISE, "global_head_dim": 8},
    "phi3": {"sliding_window": 6},
    "olmo3": {"sliding_window": 6},
    "cohere2": {"sliding_window": 6},
    "exaone4": {"sliding_window": 6},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "num_layers": 2, "num_heads": 4, "window_size": 8},
    "gptj": {"rotary_dim": 4},
    "codegen": {"rotary_dim": 4},
    "doge": {},
}
# Attention through a small common space, and experts behind a router with groups, as DeepSeek's.
_LATENT: dict[str, Any] = {"num_key_value_heads": 4, "q_lora_rank": 8, "kv_lora_rank": 8, "v_head_dim": 8}
_LATENT |= {"qk_rope_head_dim": 4, "qk_nope_head_dim": 4}
_ROUTED: dict[str, Any] = {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "n_group": 1}
_ROUTED |= {"topk_group": 1, "moe_intermediate_size": 16, "first_k_dense_replace": 1}
# Further ones, of which it is only asked that they are exact or refused.
OTHERS: dict[str, dict[str, Any]] = {
    **{name: {} for name in "falcon bitnet diffllama granite_swa jais2 modernbert-decoder nanochat persimmon".split()},
    **{name: {} for name in "gpt_bigcode gpt_neox_japanese biogpt olmo_hybrid hyperclovax rwkv minimax".split()},
    **{name: {"head_dim": 8} for name in "hunyuan_v1_dense helium internlm3 vaultgemma seed_oss".split()},
    **{name: {"head_dim": 8, "sliding_window": 6} for name in ("ministral", "cwm")},
    **{name: _LATENT for name in ("youtu", "minicpm3")},
    **{name: {**_LATENT, **_ROUTED} for name in ("deepseek_v2", "deepseek_v3", "glm4_moe_lite")},
    **{name: {"head_dim": 8, **_ROUTED} for name in ("glm4_moe", "dots1", "solar_open")},
    **{name: {"head_dim": 8, **_EXPERTS} for name in ("laguna", "mellum")},
    **{name: _LOCAL for name in ("phimoe", "granitemoeshared")},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "dropout": 0.0},
    "bloom": {"n_layer": 2, "n_head": 4},
    "gpt2": {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
    "xglm": {"dropout": 0.0, "attention_dropout": 0.0, "ffn_dim": 48, "num_layers": 2, "attention_heads": 4, "d_model": 32},
    "hunyuan_v1_moe": {"head_dim": 8, "num_experts": 4, "moe_topk": 2},
    "flex_olmo": {"num_experts": 4, "num_experts_per_tok": 2},
    "aria_text": {"moe_num_experts": 4, "moe_topk": 2, "moe_num_shared_experts": 1},
    "ernie4_5_moe": {"moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 16, "moe_layer_start_index": 1},
    "exaone_moe": {"head_dim": 8, **_EXPERTS, "n_group": 1, "topk_group": 1, "sliding_window": 6},
    "minimax_m2": {"head_dim": 8, **_LOCAL, "rotary_dim": 8},
    "qwen3_5_moe_text": HYBRIDS["qwen3_next"],
    "afmoe": {"head_dim": 8, **_EXPERTS, "num_dense_layers": 1, "sliding_window": 6},
    "cohere2_moe": {"head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "sliding_window": 6},
    "llama4_text": {"head_dim": 8, "intermediate_size_mlp": 48, "attention_chunk_size": 8, "interleave_moe_layer_step": 1, **_LOCAL},
    "jetmoe": {"kv_channels": 8, **_LOCAL},
    "mimo_v2_flash": {"head_dim": 8, "v_head_dim": 8, "sliding_window": 6, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    "mamba": {"state_size": 8},
    "falcon_mamba": {"state_size": 8},
    "mamba2": {"num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 1, "chunk_size": 8},
    "zamba2": {"layers_block_type": ["mamba", "hybrid"], "n_mamba_heads": 8, "mamba_ngroups": 1, "mamba_d_state": 8, "hybrid_layer_ids": [1],
               "num_mem_blocks": 1, "chunk_size": 8, "use_mem_rope": True},
}  # fmt: skip
# The same families at other settings.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama with biases, tied": ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    "qwen2 sliding": ("qwen2", {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1}),
    "granite scaled": ("granite", {"logits_scaling": 4.0, "residual_multiplier": 0.5, "attention_multiplier": 0.3}),
}
# Rates of chance in training mode, as each family spells and applies them.
CHANCE: dict[str, dict[str, Any]] = {
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "dropout": 0.1},
    "bloom": {"n_layer": 2, "n_head": 4, "hidden_dropout": 0.1},
    "gpt2": {"resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1},
    "llama": {"attention_dropout": 0.1},
    "phi3": {"resid_pdrop": 0.1},
    "seed_oss": {"head_dim": 8, "attention_dropout": 0.1},
    "xglm": {"dropout": 0.1},
}


def family(kind: str, facts: dict[str, Any] | None = None, **changes: Any) -> Any:
    """A tiny model in evaluation mode; weights wide enough for random logits to differ."""
    kind, varied = VARIANTS.get(kind, (kind, {}))
    own = facts or {**OTHERS, **ATTENTION, **EXPERTS, **HYBRIDS}.get(kind, {}) | varied
    return tiny_model(kind, initializer_range=0.5, **{**own, **changes}).eval()
