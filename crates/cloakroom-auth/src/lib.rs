//! Authentication and authorization as Django has them: the service layer.
