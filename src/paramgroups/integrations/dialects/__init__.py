"""Other projects' ways to say a rate for each parameter, read into recipes and written from plans.

`timm`, `mae`, `beit`, `mmengine`, `detectron2` and `megatron` each have `read` (into a recipe) and `write`
(from a plan). None needs its project installed: what they speak is plain data.
"""
