"""Programs to copy, each in a file of its own; ``python -m sagemaker_async.examples`` lists and runs them.

They find SageMaker as every program does, by the environment, and call the endpoint that ``ENDPOINT_NAME`` names.
"""
