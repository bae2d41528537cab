"""What AWS does and bare moto 5.2.5 does not, one concern per module."""
