"""Train Model...: with a live plot of the losses, and a button that ends with the best so far."""

from __future__ import annotations

from deep_storm.errors import SettingsError
from deep_storm.fiji.commands.generic import open_report, run_work, text_of, work_of
from deep_storm.fiji.models import remember_model
from deep_storm.fiji.runner import Call, Outcome

LAST_MODEL = "reconstruct.model"


def train(call: Call) -> Outcome:
    """Train a model; the dialogs of Preview and Reconstruct offer it next."""
    if call.values["output"] is None:
        raise SettingsError(
            "no model folder is given", "the folder to write", "fill in the field 'Save as'"
        )
    result = run_work(call, work_of(call), finish=True)
    text = text_of(result)
    for key in (LAST_MODEL, "preview.model"):
        call.host.remember(key, str(call.values["output"]))
    remember_model(call.host, call.values["output"])
    open_report(call, result)
    call.tell(text)
    return Outcome(text)
