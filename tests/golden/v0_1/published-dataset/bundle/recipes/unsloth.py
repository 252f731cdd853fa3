"""unsloth on this dataset: TRL's trainer on the columns prompt and completion."""

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer
from unsloth import FastLanguageModel

LENGTH = 4096  # longer than the longest row: what is cut off is the answer
model, tokenizer = FastLanguageModel.from_pretrained("unsloth/Qwen2.5-1.5B-Instruct", max_seq_length=LENGTH)
model = FastLanguageModel.get_peft_model(model, r=16, lora_alpha=32)
trainer = SFTTrainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=load_dataset("tester/golden", "journey", split="train"),
    args=SFTConfig(output_dir="golden-journey", max_length=LENGTH, learning_rate=2e-4),
)
trainer.train()
