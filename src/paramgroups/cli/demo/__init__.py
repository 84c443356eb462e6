"""The main job: four recipes compared on real images."""
