"""The peers of the speed table, each as its own guide shows it. They run in an environment of their own and import nothing of Anbu."""
