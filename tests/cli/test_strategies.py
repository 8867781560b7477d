"""``fractalctl strategies`` as a user meets it."""

import json

from tests.cli.calls import call, done, said


def test_ls_names_every_strategy_and_where_it_is_from() -> None:
    result = done("strategies ls")
    names = result.stdout.split()
    assert names[:2] == ["v5", "mrl"]
    assert {"pca", "raw", "lda", "supcon"} <= set(names)
    assert "built in" in result.stderr
    documents = json.loads(done("strategies ls --json").stdout)
    assert [one["name"] for one in documents] == names
    assert all(one["source"] and one["meaning"] for one in documents)


def test_info_shows_every_setting_with_type_default_and_meaning() -> None:
    shown = done("strategies info v5")
    assert shown.stdout == "v5\n"
    for words in ("Method supervision", "int >= 1", "constant or cosine", "list of int >= 1", "passes over"):
        assert words in shown.stderr
    document = json.loads(done("strategies info v5 --json").stdout)
    settings = {one["name"]: one for one in document["settings"]}
    assert settings["learning_rate"] | {"meaning": ""} == {
        "name": "learning_rate", "type": "float > 0", "default": "0.001", "meaning": "",
    }  # fmt: skip
    assert settings["holdout_seed"]["type"] == "int >= 0 or none"
    assert document["nested"] is True
    fine, deep = (json.loads(done(f"strategies info fine --levels {n} --json").stdout) for n in (2, 3))
    assert fine["settings"] != deep["settings"]


def test_a_closed_form_has_no_epochs() -> None:
    document = json.loads(done("strategies info lda --json").stdout)
    assert document["trunk"] is None
    assert "epochs" not in {one["name"] for one in document["settings"]}


def test_an_unknown_strategy_is_a_wrong_request() -> None:
    result = call("strategies info v6")
    assert result.exit_code == 2
    assert "strategy 'v6' is not known; choose from v5" in said(result)
