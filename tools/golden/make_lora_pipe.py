"""The tiny pipeline, and the layers of it, that make_lora.py and make_lycoris.py put adapters on."""
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

SCALE = 0.7
UNET = ["down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
        "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
        "mid_block.attentions.0.transformer_blocks.0.attn1.to_v",
        "up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_out.0"]
UNET_MORE = ["down_blocks.0.attentions.0.proj_in",                         # a 1x1 convolution
             "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj",
             "down_blocks.0.downsamplers.0.conv",                          # 3x3, stride 2
             "up_blocks.0.resnets.0.conv1", "up_blocks.0.resnets.0.time_emb_proj"]
TEXT = ["encoder.layers.0.self_attn.q_proj", "encoder.layers.1.self_attn.out_proj"]
TEXT_MORE = ["encoder.layers.1.mlp.fc1"]


def make_pipe():
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=9, out_channels=4, layers_per_block=1, block_out_channels=(8, 12),
        attention_head_dim=2, cross_attention_dim=6, norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
    text = CLIPTextModel(CLIPTextConfig(vocab_size=20, hidden_size=6, intermediate_size=10, num_hidden_layers=2,
                                        num_attention_heads=2, max_position_embeddings=8, projection_dim=6))
    vae = AutoencoderKL(block_out_channels=(4,), norm_num_groups=2, sample_size=8)
    return StableDiffusionInpaintPipeline(
        vae=vae, text_encoder=text, tokenizer=None, unet=unet, scheduler=DDIMScheduler(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False)
