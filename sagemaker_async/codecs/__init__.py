"""The formats behind `sagemaker_async.serializers` and `sagemaker_async.deserializers`, which are what users import."""
