"""Settings of a session: what they stand in for, what goes before them, and who has them."""

from __future__ import annotations

import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.products import write_product

import uvisxr
from uvisxr import options
from uvisxr.batch import pipeline, run, work
from uvisxr.calibration.files import Folder
from uvisxr.errors import ArgumentError
from uvisxr.fetch import cache_dir
from uvisxr.kernels import choose
from uvisxr.simulate import Simulation, calibration_files

NONE = {"kernels": None, "calibration": None, "cache": None, "progress": None, "threads": None}


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """A folder for every rank: argument, option, environment."""
    found = {name: tmp_path / name for name in ("argument", "option", "environment")}
    for folder in found.values():
        folder.mkdir()
    return found


class TestScope:
    def test_a_block_ends(self, folders):
        assert uvisxr.get_options() == NONE
        with uvisxr.set_options(cache=folders["option"], progress=False):
            expected = NONE | {"cache": str(folders["option"]), "progress": False}
            assert uvisxr.get_options() == expected
            with uvisxr.set_options(progress=True):
                assert uvisxr.get_options() == expected | {"progress": True}
            assert uvisxr.get_options() == expected
        assert uvisxr.get_options() == NONE

    def test_a_block_ends_with_an_error(self):
        with pytest.raises(KeyError), uvisxr.set_options(progress=False):
            raise KeyError
        assert uvisxr.get_options() == NONE

    def test_a_call_holds_until_it_is_taken_back(self):
        uvisxr.set_options(progress=False)
        assert uvisxr.get_options()["progress"] is False
        uvisxr.set_options(cache=None)
        assert uvisxr.get_options()["progress"] is False
        uvisxr.set_options(progress=None)
        assert uvisxr.get_options() == NONE

    def test_a_block_gives_back_only_what_it_set(self, folders):
        with uvisxr.set_options(progress=False):
            inside = uvisxr.set_options(cache=folders["option"])
        assert uvisxr.get_options() == NONE | {"cache": str(folders["option"])}
        with inside:
            pass
        assert uvisxr.get_options() == NONE

    def test_a_wrong_option_changes_nothing(self):
        with pytest.raises(ArgumentError):
            uvisxr.set_options(progress=False, cache=3)
        assert uvisxr.get_options() == NONE

    def test_threads_have_blocks_of_their_own(self, tmp_path):
        barrier = threading.Barrier(4, timeout=60)

        def work(k: int) -> list[str]:
            seen = []
            for _ in range(20):
                barrier.wait()
                with uvisxr.set_options(cache=tmp_path / str(k)):
                    barrier.wait()
                    seen.append(Path(uvisxr.get_options()["cache"]).name)

            return seen

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(work, range(4)))
        assert found == [[str(k)] * 20 for k in range(4)]
        assert uvisxr.get_options() == NONE

    def test_other_threads_see_calls_and_blocks_of_the_main_thread(self):
        def seen() -> object:
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(lambda: uvisxr.get_options()["progress"]).result()

        before = uvisxr.set_options(progress=False)
        assert seen() is False
        with uvisxr.set_options(progress=True):
            assert seen() is True
            uvisxr.set_options(progress=None)
            assert uvisxr.get_options()["progress"] is seen() is True
        assert before is not None and seen() is None

    def test_a_block_of_another_thread_is_not_seen(self):
        inside, done = threading.Event(), threading.Event()

        def work() -> None:
            with uvisxr.set_options(progress=False):
                inside.set()
                done.wait(60)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(work)
            assert inside.wait(60)
            seen = uvisxr.get_options()
            done.set()
        assert seen == NONE

    def test_tasks_have_blocks_of_their_own(self):
        async def work(progress: bool, wait: float) -> object:
            with uvisxr.set_options(progress=progress):
                await asyncio.sleep(wait)
                return uvisxr.get_options()["progress"]

        async def both() -> list[object]:
            return await asyncio.gather(work(True, 0.01), work(False, 0.02))

        assert asyncio.run(both()) == [True, False]
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(uvisxr.get_options).result() == NONE

    def test_repr_says_what_holds(self):
        with uvisxr.set_options(progress=False):
            said = repr(uvisxr.set_options())
        assert said.startswith("<uvisxr options: kernels=None") and "progress=False" in said


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"kernels": "nowhere"}, r"kernels='/.*nowhere': expected kernel files.* that exist"),
        ({"kernels": []}, "kernels="),
        ({"kernels": 3}, "kernels=3: expected kernel files"),
        ({"kernels": [3]}, "kernels=3: expected a path"),
        ({"calibration": "nowhere"}, "calibration='nowhere': .* does not exist"),
        ({"cache": ""}, "cache='': expected a path"),
        ({"cache": "~nouser/a"}, "cache='~nouser/a': expected a path; Could not"),
        ({"cache": "a\0b"}, "cache=.*: expected a path; embedded null"),
        ({"cache": "a" * 5000}, "cache='aa.*: expected a path; File name too long"),
        ({"kernels": "a" * 5000}, "kernels='aa.*: expected a path; File name too long"),
        ({"calibration": "a" * 5000}, "calibration='aa.*: expected a path; File name too long"),
        ({"threads": 0}, "threads=0: expected a number of threads, 1 or more"),
        ({"threads": True}, "threads=True: expected a number of threads"),
        ({"progress": 1}, "progress=1: expected one of True, False, None"),
    ],
)
def test_wrong_options(option, said):
    with pytest.raises(ArgumentError, match=said):
        uvisxr.set_options(**option)


class TestPrecedence:
    """Argument, option, environment variable, cache."""

    def test_kernels(self, folders, monkeypatch):
        monkeypatch.setenv("UVISXR_KERNELS", str(folders["environment"]))
        with uvisxr.set_options(kernels=folders["option"]):
            assert choose.sources(folders["argument"])[1] == [folders["argument"]]
            assert choose.sources(None)[1] == [folders["option"]]
        assert choose.sources(None)[1] == [folders["environment"]]

    def test_calibration(self, folders, monkeypatch):
        monkeypatch.setenv("UVISXR_CALIBRATION", str(folders["environment"]))
        with uvisxr.set_options(calibration=folders["option"]):
            assert Folder.choose(folders["argument"]).path == folders["argument"]
            assert Folder.choose().path == folders["option"]
            with uvisxr.set_options(calibration=None):
                assert Folder.choose().path == folders["environment"]
        monkeypatch.delenv("UVISXR_CALIBRATION")
        assert Folder.choose().path == cache_dir("calibration")

    def test_cache(self, folders, monkeypatch):
        monkeypatch.setenv("UVISXR_CACHE", str(folders["environment"]))
        with uvisxr.set_options(cache=folders["option"]):
            assert cache_dir("kernels") == folders["option"] / "kernels"
        assert cache_dir("kernels") == folders["environment"] / "kernels"

    def test_missing_files_are_said_to_be_those_of_the_option(self, folders, made: Simulation):
        said = r"option \(the option calibration of uvisxr.set_options\): FLAT"
        with (
            uvisxr.set_options(calibration=folders["option"]),
            pytest.raises(uvisxr.UvisError, match=said),
        ):
            made.open().uvis.calibrate()


def test_paths_are_absolute(folders, monkeypatch):
    monkeypatch.chdir(folders["option"].parent)
    with uvisxr.set_options(kernels=["option"], calibration="argument/../option", cache="~/c"):
        assert uvisxr.get_options() == NONE | {
            "kernels": (str(folders["option"]),),
            "calibration": str(folders["option"]),
            "cache": str(Path("~/c").expanduser()),
        }


@pytest.mark.slow
def test_a_reduction_by_options_alone(made: Simulation):
    """It is what the arguments give, and history names the files."""
    opened = made.open()
    with uvisxr.set_options(kernels=made.kernels, calibration=made.calibration):
        by_option = opened.uvis.geometry().uvis.calibrate()
    given = opened.uvis.geometry(kernels=made.kernels).uvis.calibrate(files=made.calibration)
    assert by_option.drop_attrs().identical(given.drop_attrs())
    assert by_option.attrs["kernels"] == given.attrs["kernels"]
    files = [d.attrs["history"].rpartition(" using ")[2] for d in (by_option, given)]
    assert files[0] == files[1]


STEPS = [("calibrate", {"evil_pixels": "interpolate"})]


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return write_product(tmp_path / "products", "FUV2005_230_15_15", band_bin=32)


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    folder = tmp_path / "calibration"
    calibration_files.write(folder, "FUV")
    return folder


def test_threads():
    assert options.threads() >= 1
    with uvisxr.set_options(threads=3):
        assert options.threads() == 3


class TestBatch:
    def test_a_worker_has_one_thread_unless_told(self):
        assert work._alone(options.Options()).threads == 1
        assert work._alone(options.Options(threads=2)).threads == 2

    def test_a_worker_takes_those_it_is_given(self, product, calibration, tmp_path):
        job = work.Job(str(product), "a.nc", str(tmp_path), str(tmp_path), "")
        steps = pipeline.load(STEPS)
        assert work.attempt(job, steps)["status"] == "failed"
        settings = options.Options(calibration=str(calibration))
        assert work.attempt(job, steps, settings)["status"] == "done"
        assert uvisxr.get_options() == NONE

    def test_other_options_make_outputs_outdated(self, product, calibration, tmp_path):
        def left() -> list[str]:
            return [output for _, output in run.plan(product, STEPS, tmp_path / "out")]

        def prints() -> list[str]:
            batch = run._Batch(pipeline.load(STEPS), manifest, tmp_path, False)
            return [job.fingerprint for job, _ in batch.jobs(run.sources.expand(product))]

        (tmp_path / "out").mkdir()
        with run.Manifest(tmp_path / "out") as manifest:
            without = prints()
            with uvisxr.set_options(progress=False, cache=tmp_path / "empty"):
                assert prints() == without
            with uvisxr.set_options(calibration=calibration):
                first = prints()
                assert first != without
                (calibration / "FUV_1999_Lab_Cal.dat").touch()
                assert prints() != first
            assert prints() == without
        assert left() == [f"{product.stem}.nc"]

    @pytest.mark.slow
    def test_processes_have_them(self, product, calibration, tmp_path):
        with uvisxr.set_options(calibration=calibration, progress=False):
            summary = uvisxr.batch.process(product, STEPS, tmp_path / "out", workers=1)
        assert (summary.done, summary.failures) == (1, [])


def test_help_names_every_option():
    text = uvisxr.set_options.__doc__
    assert text is not None
    for name in NONE:
        assert re.search(rf"^    {name} : ", text, re.M)
