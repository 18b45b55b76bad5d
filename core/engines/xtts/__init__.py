"""xtts"""
