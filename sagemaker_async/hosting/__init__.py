"""SageMaker hosting, the control plane: endpoints, their configurations, models and components."""
