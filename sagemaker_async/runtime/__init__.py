"""SageMaker Runtime, the data plane: invoking endpoints, at once, as a stream, or asynchronously through S3."""
