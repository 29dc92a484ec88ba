"""The networks, by name."""

from __future__ import annotations

from deep_storm.networks.base import LocalizationNetwork
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.settings import Network


def make_network(network: Network) -> LocalizationNetwork:
    """Return the network that the settings name."""
    quiet_tensorflow()  # their modules import it
    if network.network == "classic":
        from deep_storm.networks.classic import ClassicNetwork  # tensorflow

        return ClassicNetwork(network.upsampling)
    from deep_storm.networks.native import NativeNetwork  # tensorflow

    return NativeNetwork(network.upsampling)
