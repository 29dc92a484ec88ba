"""Make the general model that comes with Deep-STORM (about an hour on 2 cores).

    python benchmarks/make_general_model.py -o python/deep_storm/models/general --overwrite

Settings and seed are in ``general.toml`` beside this file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from deep_storm.io.config import load_toml
from deep_storm.io.files import atomic_folder
from deep_storm.io.model_folder import CARD_FILE
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.settings import Device, Domain, Training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, help="instead of those in general.toml")
    parser.add_argument("--overwrite", action="store_true")
    options = parser.parse_args()
    quiet_tensorflow()
    from deep_storm.report.plots import loss_curve, save_figure
    from deep_storm.training.general_model import train_general

    values = load_toml(Path(__file__).with_name("general.toml"))
    training = Training.parse(values["training"])
    if options.steps:
        training = training.model_copy(update={"steps": options.steps})

    def show(done: int, total: int, message: str) -> None:
        if done % 100 == 0:
            print(f"{done} / {total} {message}", flush=True)

    model, trained = train_general(Domain.parse(values["domain"]), training, Device(), show)
    with atomic_folder(options.output, options.overwrite, marker=CARD_FILE) as partial:
        trained.history.to_csv(partial / "history.csv", index=False)
        save_figure(loss_curve(trained.history), partial / "loss.png")
        model.save_into(partial)
    print(model.card.scores)


if __name__ == "__main__":
    main()
