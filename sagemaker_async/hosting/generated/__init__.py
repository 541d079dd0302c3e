"""What botocore's model of SageMaker gives, as Python: shapes, types, methods and names."""
