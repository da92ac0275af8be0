// The settings of a job that are shown, and what they are called.

export const NAMES = [['prompt', 'Prompt'], ['negative', 'Not'], ['model', 'Model'], ['garment', 'Garment'], ['category', 'Replaced'], ['sleeve', 'Sleeves'], ['steps', 'Steps'],
               ['guidance', 'Guidance'], ['lora', 'LoRA'], ['strength', 'Strength'], ['scheduler', 'Sampler'], ['seed', 'Seed'], ['count', 'Pictures'], ['grow', 'Grow'], ['feather', 'Soft edge']];

/** What two results are told apart by: the same, and what is mostly left alone. */
export const ALL_NAMES = [...NAMES, ['garmentScale', 'Of the garment'], ['loraScale', 'Of the LoRA'], ['preset', 'Speed'], ['guidance_start', 'Guided from'], ['guidance_end', 'Guided to'], ['width', 'Working width'], ['height', 'Working height'],
                          ['person', 'Person'], ['photo', 'Photo'], ['mask', 'Mask'], ['garmentPhoto', 'Garment photo'], ['unworn', 'Bare places'], ['cache_interval', 'Deep part computed every'], ['cache_threshold', 'Calls left out below']];
