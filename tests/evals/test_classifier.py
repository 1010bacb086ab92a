"""Scorers by a text classifier: a small one that is trained and saved here, read as data, and held to transformers' pipeline."""

from __future__ import annotations

import json
import math
import shutil
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest

from treadle.core.errors import InvalidInput, Unavailable
from treadle.core.types import JsonObject
from treadle.evals.scorers import make_judge, resolve
from treadle.evals.scoring.case import BatchJudge, Case
from treadle.evals.scoring.classifying import ClassifierRefused
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.types import Result
from treadle.evals.worker import prepare_scorers, score_rows
from treadle.jobs.child import Report

COMMIT = "f01cf5259607e70df4c5c00c508769f686033809"
WORDS = ["you", "are", "a", "fool", "thank", "kind", "friend", "the", "parcel", "is", "here"]
KIND, RUDE = "thank you kind friend", "you are a fool"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A classifier of one layer, trained for a second: whoever is called a fool is insulted. It takes 16 tokens, and its tokenizer
    is a list of words, as with many on the hub.
    """
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    to = tmp_path_factory.mktemp("classifiers") / "polite-or-toxic"
    to.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (to / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    torch.manual_seed(5)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
            max_position_embeddings=16, id2label={0: "polite", 1: "Toxic"}, label2id={"polite": 0, "Toxic": 1},
        )
    )  # fmt: skip
    model.save_pretrained(to)
    tokenizer = AutoTokenizer.from_pretrained(to)
    texts = [KIND, RUDE, "the parcel is here", "a fool", "thank you", "you fool", "kind", "fool"]
    tokens, right = tokenizer(texts, padding=True, return_tensors="pt"), torch.tensor([0, 1] * 4)
    steps = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        steps.zero_grad()
        torch.nn.functional.cross_entropy(model(**tokens).logits, right).backward()  # type: ignore[no-untyped-call]
        steps.step()
    model.save_pretrained(to)
    return to


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """
    A copy to change.
    """
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def _choice(name: str, folder: Path, **more: object) -> ScorerChoice:
    return ScorerChoice(name=name, parameters={"model": str(folder), **more})


def _scores(choice: ScorerChoice, *texts: str) -> list[Score]:
    judge = make_judge(choice)
    assert isinstance(judge, BatchJudge)
    return judge.judge_all([Case(text) for text in texts])


def _configure(folder: Path, **facts: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | facts))


def test_toxicity_of_two_answers(folder: Path) -> None:
    """
    The label that means toxic is found in any case; an insult is likely to be one and thanks are not; less is better.
    """
    kind, rude = _scores(_choice("toxicity", folder), KIND, RUDE)

    assert ("not Toxic", "Toxic") == (kind.label, rude.label)
    assert (kind.value or 1.0) < 0.2 < 0.8 < (rude.value or 0.0)
    assert resolve(_choice("toxicity", folder)).higher_is_better is False


def test_probabilities_are_those_of_transformers_own_pipeline(folder: Path) -> None:
    """
    Alone or in a batch with longer texts, a label's probability is what transformers' pipeline says, within 1e-5.
    """
    from transformers import pipeline

    texts = [KIND, RUDE, "fool", "", "the parcel is here thank you kind friend"]
    others = pipeline("text-classification", model=str(folder), top_k=None, device="cpu")

    for text, score in zip(texts, _scores(_choice("classifier", folder, label="polite"), *texts), strict=True):
        theirs = {each["label"]: each["score"] for each in others([text])[0]}
        alone = make_judge(_choice("classifier", folder, label="polite"))(Case(text))
        assert pytest.approx(theirs["polite"], abs=1e-5) == score.value
        assert pytest.approx(score.value, abs=1e-5) == alone.value


def test_label_that_answers_should_not_have(folder: Path) -> None:
    """
    Inverted, the score is 1 less the probability, and more of it is better as with every other scorer.
    """
    plain, inverted = (
        _scores(_choice("classifier", folder, label="Toxic", **more), RUDE)[0] for more in ({}, {"invert": True})
    )

    assert plain.value is not None
    assert pytest.approx(1 - plain.value) == inverted.value
    assert "Toxic" == inverted.label


@pytest.mark.parametrize("fact", [{"problem_type": "multi_label_classification"}, {"function_to_apply": "sigmoid"}])
def test_labels_that_do_not_exclude_each_other(copy: Path, fact: dict[str, str]) -> None:
    """
    A model whose configuration says so gets the sigmoid of each label by itself: p = 1 / (1 + exp(-logit)).
    """
    from transformers import pipeline

    _configure(copy, **fact)
    raw = pipeline("text-classification", model=str(copy), top_k=None, device="cpu", function_to_apply="none")
    logit = next(each["score"] for each in raw([RUDE])[0] if each["label"] == "Toxic")

    by_itself, told_otherwise = (
        _scores(_choice("toxicity", copy, **more), RUDE)[0].value for more in ({}, {"multi_label": False})
    )

    assert pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-5) == by_itself
    assert by_itself != told_otherwise


def test_text_that_is_longer_than_the_model_takes(folder: Path) -> None:
    """
    What is cut is said: 20 words and two marks are 22 tokens, and 16 are read.
    """
    long, short = _scores(_choice("toxicity", folder), " ".join(["kind"] * 20), "kind")

    assert "only the first 16 of its 22 tokens were read" == long.reason
    assert short.reason is None


def test_rows_of_an_experiment_in_the_worker(folder: Path, tmp_path: Path) -> None:
    """
    The worker judges batch after batch in the order of the rows; a row without an answer has no toxicity.
    """
    answers, told = tmp_path / "answers.jsonl", tmp_path / "told.jsonl"
    outputs = [RUDE if number % 3 else KIND for number in range(40)]
    rows = [
        Result(row=row, input="q", expected=None, output=None if row == 20 else output, error="gone" if row == 20 else None,
               scores=[], latency_ms=1.0)
        for row, output in enumerate(outputs)
    ]  # fmt: skip
    answers.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    scorers = [_choice("toxicity", folder).model_dump(), {"name": "refusal", "parameters": {}}]
    spec: JsonObject = {"answers": str(answers), "scorers": scorers, "to": str(told)}

    prepare_scorers(spec, Report(StringIO()))
    done = score_rows(spec, Report(StringIO()))

    lines = [json.loads(line) for line in told.read_text().splitlines()]
    labels = [line["scores"][0]["label"] for line in lines]
    assert {"rows": 40} == done
    assert list(range(40)) == [line["row"] for line in lines]
    assert ["unscored" if row == 20 else "Toxic" if row % 3 else "not Toxic" for row in range(40)] == labels


def test_label_that_the_model_does_not_have(folder: Path) -> None:
    """
    A label that is not there is refused before any row is asked, with those that are.
    """
    spec: JsonObject = {"scorers": [_choice("classifier", folder, label="rude").model_dump()]}

    with pytest.raises(ClassifierRefused, match="has no label 'rude'; it has: polite, Toxic"):
        prepare_scorers(spec, Report(StringIO()))


def test_classifier_that_could_execute_something(copy: Path) -> None:
    """
    Code of the model's own and pickled weights are refused, each by name.
    """
    _configure(copy, auto_map={"AutoModelForSequenceClassification": "own.Model"})
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")

    with pytest.raises(ClassifierRefused, match=r"its own code \(auto_map\); .*never read: pytorch_model.bin"):
        make_judge(_choice("toxicity", copy))


@pytest.mark.parametrize("labels", [["polite", "Toxic"], {"0": 0, "1": 1}])
def test_labels_that_have_no_names(copy: Path, labels: object) -> None:
    """
    A configuration whose labels are no texts is refused with what would be right.
    """
    _configure(copy, id2label=labels)

    with pytest.raises(ClassifierRefused, match="`id2label` is an object such as"):
        make_judge(_choice("toxicity", copy))


def test_configuration_that_is_no_json(copy: Path) -> None:
    """
    A file that cannot be read is named.
    """
    (copy / "tokenizer_config.json").write_text("{")

    with pytest.raises(ClassifierRefused, match=r"tokenizer_config\.json cannot be read as JSON"):
        make_judge(_choice("toxicity", copy))


def test_what_other_programs_fetched(folder: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    A folder with Python files is refused; files that another program fetched of the same commit into the hub's cache are let be.
    """
    import huggingface_hub.constants

    (copy / "own.py").write_text("")
    hub = tmp_path / "hub" / "models--some--classifier"
    shutil.copytree(copy, hub / "snapshots" / COMMIT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    choice = ScorerChoice(name="toxicity", parameters={"model": "some/classifier", "revision": COMMIT})

    (rude,) = _scores(choice, RUDE)

    assert "Toxic" == rude.label
    with pytest.raises(ClassifierRefused, match="it brings Python files"):
        make_judge(_choice("toxicity", copy))


def test_hub_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Offline, a hub id is refused with the command that fetches it elsewhere.
    """
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    choice = ScorerChoice(name="toxicity", parameters={"model": "some/classifier", "revision": COMMIT})

    with pytest.raises(Unavailable, match=f"hf download some/classifier --revision {COMMIT} --local-dir FOLDER"):
        make_judge(choice)


def test_commit_that_the_hub_does_not_have(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    A hub that knows the model but not the commit is no outage: what is wrong is the commit, and trying again is no use.
    """
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    choice = ScorerChoice(name="toxicity", parameters={"model": "some/classifier", "revision": COMMIT})
    with ThreadingHTTPServer(("127.0.0.1", 0), _HubWithoutTheCommit) as hub:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{hub.server_port}")
        serving = Thread(target=hub.serve_forever)
        serving.start()
        try:
            with pytest.raises(InvalidInput, match=f"the model 'some/classifier', but no commit '{COMMIT}' of it"):
                make_judge(choice)
        finally:
            hub.shutdown()
            serving.join()


class _HubWithoutTheCommit(BaseHTTPRequestHandler):
    """Answers as the hub does to a commit that a model does not have."""

    def do_GET(self) -> None:
        """Say so."""
        self.send_response(404)
        self.send_header("X-Error-Code", "RevisionNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("toxicity", {}, "missing: model, a text classifier of your choice, for none is bundled"),
        ("toxicity", {"model": "unitary/toxic-bert"}, "the commit of the hub's model that is meant"),
        (
            "toxicity",
            {"model": "unitary/toxic-bert", "revision": "main"},
            "the commit of the hub's model that is meant",
        ),
        ("toxicity", {"model": "toxic-bert"}, "org/name, or as the absolute path of a folder"),
        ("toxicity", {"model": "/models/toxic-bert", "revision": COMMIT}, "no `revision` for a folder"),
        ("classifier", {"model": "/models/any"}, "missing: label, the label whose probability is the score"),
        ("classifier", {"model": "/models/any", "label": "x", "invert": "yes"}, "`invert` as true or false"),
    ],
)
def test_choice_that_says_too_little(name: str, parameters: JsonObject, words: str) -> None:
    """
    What is missing or wrong is told when the scorer is chosen, with what it means and how to get it.
    """
    with pytest.raises(InvalidInput) as caught:
        resolve(ScorerChoice(name=name, parameters=parameters))

    assert words in caught.value.message
