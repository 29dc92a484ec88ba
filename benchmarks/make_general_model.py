"""Make the general model that comes with Deep-STORM (about an hour on 2 cores).

    python benchmarks/make_general_model.py -o python/deep_storm/models/general --overwrite
    python benchmarks/make_general_model.py --start general --steps 8000 --learning-rate 7e-4 \
        --seed 2 -o models/better

The second one trains on from a model, on batches that it has not seen. Settings and seed are in
``general.toml`` beside this file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from deep_storm.io.config import load_toml
from deep_storm.io.files import atomic_folder
from deep_storm.io.model_folder import CARD_FILE
from deep_storm.model import Model
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.settings import Device, Domain, Training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, help="instead of those in general.toml")
    parser.add_argument("--seed", type=int, help="instead of that in general.toml")
    parser.add_argument("--learning-rate", type=float, help="instead of that in general.toml")
    parser.add_argument("--start", help="model to train on from; default: from nothing")
    parser.add_argument("--overwrite", action="store_true")
    options = parser.parse_args()
    quiet_tensorflow()
    from deep_storm.report.plots import loss_curve, save_figure
    from deep_storm.training.general_model import train_general

    values = load_toml(Path(__file__).with_name("general.toml"))
    given = {name: getattr(options, name) for name in ("steps", "seed", "learning_rate")}
    asked = {name: value for name, value in given.items() if value is not None}
    training = Training.parse(values["training"] | asked)
    start = Model.load(options.start) if options.start else None

    def show(done: int, total: int, message: str) -> None:
        if done % 100 == 0:
            print(f"{done} / {total} {message}", flush=True)

    model, trained = train_general(Domain.parse(values["domain"]), training, Device(), show, start)
    with atomic_folder(options.output, options.overwrite, marker=CARD_FILE) as partial:
        trained.history.to_csv(partial / "history.csv", index=False)
        save_figure(loss_curve(trained.history), partial / "loss.png")
        model.save_into(partial)
    print(model.card.scores)


if __name__ == "__main__":
    main()
