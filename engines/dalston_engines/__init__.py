"""What runs inside a stage: the stage drivers, the engines behind them, audio and storage.

``contract`` is what an engine implements, ``stages`` holds one driver per stage, ``runner`` carries
out one StageRequest. Each engine is a folder of its own, loaded by entry point only.
"""
