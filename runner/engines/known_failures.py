"""Failures that any program of a benchmark can have: text in the output, cause and remedy."""

from __future__ import annotations

import re
from typing import NamedTuple

from runner.util.errors import install_extra


class KnownFailure(NamedTuple):
    """A failure that a text in the output identifies."""

    pattern: re.Pattern[str]
    """its group `detail`, if it has one, says of what: a file, an address"""
    cause: str
    """one clause without a full stop"""
    remedy: str
    """what the user can do"""
    of_disk: bool = False
    """a full disk causes it"""
    may_go_on: bool = False
    """programs print this text also where they can do without; then it is no cause"""
    sums_up: bool = False
    """the program says that it failed, but not why: any other text says more"""


OUT_OF_GPU_MEMORY = "a GPU ran out of memory"
OUT_OF_MEMORY = "the machine's own memory (not the GPU's) ran out"
_LESS_GPU_MEMORY = (
    "lower benchmark.batch_size or the lengths, or spread the model over more GPUs (parallel.tp)"
)
_VISIBLE = "make one visible: CUDA_VISIBLE_DEVICES in launch.env, or --gpus all for a container"


def known_failure(
    text: str,
    cause: str,
    remedy: str,
    *,
    of_disk: bool = False,
    may_go_on: bool = False,
    sums_up: bool = False,
) -> KnownFailure:
    """Return an entry of a table of known failures; `text` is a regular expression."""
    return KnownFailure(re.compile(text), cause, remedy, of_disk, may_go_on, sums_up)


# The first entry that matches a line wins. A pattern names an exception where programs also warn of the same.
KNOWN_OF_ANY: tuple[KnownFailure, ...] = (
    known_failure(
        r"(?i)attempt to run as root",
        "mpirun refuses to start ranks as root",
        "set both OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 in launch.env",
    ),
    known_failure(
        r"(?i)not enough slots available",
        "mpirun refuses to start more ranks than there are cores",
        "lower parallel.tp, or add --oversubscribe to launch.mpirun.args",
    ),
    known_failure(
        r"(?i)No space left on device|Disk quota exceeded",
        "a disk is full",
        "free space on the disk of the run directory and of /dev/shm",
        of_disk=True,
    ),
    known_failure(
        r"(?i)CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError",
        OUT_OF_GPU_MEMORY,
        _LESS_GPU_MEMORY,
    ),
    known_failure(
        r"DefaultCPUAllocator: (?:can't allocate|not enough) memory|^MemoryError\b|std::bad_alloc",
        OUT_OF_MEMORY,
        "lower benchmark.batch_size or the lengths, or end other programs that use memory",
    ),
    known_failure(
        r"^slurmstepd.*Detected \d+ oom[-_]kill event",
        "a node killed ranks that used more memory than the job had asked for",
        "ask for more: --mem=0 in launch.slurm.extra is all memory of a node",
    ),
    # help-errmgr-base.txt of Open MPI 4 and of PRRTE, which Open MPI 5 starts ranks with.
    known_failure(
        r"(?:ORTE|PRTE) (?:has lost communication with a remote daemon|daemon has unexpectedly failed)"
        r"|was unable to reliably start one or more daemons"
        r"|^A daemon failed to report back after being spawned",
        "mpirun has no connection to its daemon on another host",
        "see whether that host is reachable (`ssh HOST true`) and what its kernel log says",
    ),
    known_failure(
        r"No module named '(?:torch|mpi4py)",
        "the interpreter of the ranks has no torch or no mpi4py",
        f"install them there ({install_extra('torch')}), or set launch.python to one that has them",
    ),
    # --- pyxis: the log of enroot that it prints, and its own lines, which say less -------------------------
    known_failure(
        r"pyxis:\s+\[ERROR\] (?P<detail>(?:No such file or directory|Invalid image format): .+)",
        "a node cannot use the image of launch.slurm.container",
        "image must be a squashfs file that every node sees at this path, or registry#image:tag",
    ),
    known_failure(
        r"pyxis:\s+enroot-mount: (?P<detail>.+)",
        "a folder cannot be mounted into the container",
        "launch.slurm.container.mounts, the run directory and paths.work must exist on every node",
    ),
    known_failure(
        r"pyxis:\s+\[ERROR\] (?P<detail>URL \S+ returned error code: 40[134]\b.*)",
        "the registry does not give the image of launch.slurm.container",
        "see its name and the credentials of the nodes (~/.config/enroot/.credentials)",
    ),
    known_failure(
        r"pyxis:\s+\[ERROR\] (?P<detail>.+)",
        "enroot could not make or start the container",
        "the raw log has its messages; `srun --container-image=IMAGE true` repeats it",
    ),
    known_failure(
        r"pyxis: couldn't chdir to (?P<detail>\S+)",
        "the container does not have the run directory",
        "keep runs on a file system that every node sees: TRTBENCH_HOME",
    ),
    known_failure(
        r"pyxis: failed to import docker image",
        "pyxis could not import the image from its registry",
        "the raw log has the messages of enroot; or import it once and give the path of the squashfs file",
        sums_up=True,
    ),
    known_failure(
        r"pyxis: (?:failed to create container filesystem|couldn't start container)",
        "pyxis could not start the container",
        "see whether enroot works on the nodes: `srun enroot version`",
        sums_up=True,
    ),
    known_failure(
        r"srun: unrecognized option '--container-image",
        "this Slurm has no pyxis, which launch.slurm.container needs",
        "ask for pyxis on this cluster, or remove launch.slurm.container",
    ),
    known_failure(
        r"^slurmstepd.*error: execve\(\): (?P<detail>.+)",
        "a node or its container does not have the program of the stage",
        "launch.python must be a path that exists there; launch.slurm.container.mounts can add it",
    ),
    # --- the GPU and its driver ----------------------------------------------------------------------------
    known_failure(
        r"CUDA runtime error in .*: out of memory|CUDA error: out of memory"
        r"|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation",
        OUT_OF_GPU_MEMORY,
        _LESS_GPU_MEMORY,
    ),
    known_failure(  # TensorRT leaves out a tactic that does not fit, and continues to build
        r"Cuda Runtime \(out of memory\)",
        OUT_OF_GPU_MEMORY,
        _LESS_GPU_MEMORY,
        may_go_on=True,
    ),
    known_failure(
        r"driver version is insufficient for CUDA runtime|NVIDIA driver on your system is too old"
        r"|CUDA initialization failure with error: 35\b|unsupported display driver / cuda driver combination"
        r"|forward compatibility was attempted on non supported HW",
        "the NVIDIA driver is too old for the CUDA version of the program",
        "update the driver, or use packages or a container for the CUDA version that nvidia-smi shows",
    ),
    known_failure(
        r"[Dd]river/library version mismatch",
        "the NVIDIA driver was updated, but the kernel still has the old one",
        "restart the machine, or load the kernel modules of the new driver",
        may_go_on=True,
    ),
    known_failure(
        r"Found no NVIDIA driver|No CUDA GPUs are available|no CUDA-capable device is detected"
        r"|ImportError: libcuda\.so",
        "the program sees no NVIDIA GPU",
        f"see whether nvidia-smi lists one; {_VISIBLE}",
    ),
    known_failure(
        r"could not select device driver .*gpu",
        "docker cannot give GPUs to a container",
        "install the NVIDIA Container Toolkit, and restart docker",
    ),
    known_failure(
        r"CUDA error: invalid device ordinal|cudaErrorInvalidDevice\b",
        "a rank has no GPU of its own",
        "make as many GPUs visible as there are ranks on a node (CUDA_VISIBLE_DEVICES in launch.env)",
    ),
    known_failure(
        r"no kernel image is available for execution on the device",
        "a package was compiled for other kinds of GPU",
        "install a version of it that supports the compute capability of this GPU",
    ),
    known_failure(
        r"uncorrectable ECC error",
        "the memory of a GPU has an error that cannot be corrected",
        "`nvidia-smi -q -d ECC` shows which GPU; leave it out until it is reset or replaced",
    ),
    known_failure(
        r"CUDA error: (?:an illegal memory access|device-side assert|misaligned address|unspecified launch)"
        r"|CUDA runtime error in .*: (?:an illegal memory access|misaligned address|unspecified launch)",
        "a kernel failed on a GPU",
        "CUDA_LAUNCH_BLOCKING=1 in launch.env shows which one; try without the newest options",
    ),
    # --- libraries and files -------------------------------------------------------------------------------
    known_failure(
        r"ImportError: libmpi\S*: cannot open shared object|cannot load MPI library",
        "mpi4py does not find the library of MPI",
        "install mpi4py >= 4.0 for the MPI of mpirun, or add its lib folder to LD_LIBRARY_PATH in launch.env",
    ),
    known_failure(
        r"ImportError: lib\S+: cannot open shared object file",
        "a shared library of a package is missing",
        "install the version that the package asks for, or add its folder to LD_LIBRARY_PATH in launch.env",
        may_go_on=True,
    ),
    known_failure(
        r"ImportError: \S+: undefined symbol",
        "a package was compiled for another version of a library than the installed one",
        "install the versions that belong together, in an environment of their own or NVIDIA's container",
        may_go_on=True,
    ),
    known_failure(
        r"PytorchStreamWriter failed writing file",
        "a file could not be written, as on a full disk",
        "free space on the disk of the run directory and of paths.work",
        of_disk=True,
    ),
    known_failure(
        r"Read-only file system",
        "a folder is on a read-only file system",
        "set paths.work, or the mounts of the container, to a folder that can be written to",
        may_go_on=True,
    ),
    known_failure(
        r"PermissionError: \[Errno 13\]",
        "a file or folder belongs to another user",
        "the raw log names it; change its owner, or set another paths.work",
        may_go_on=True,
    ),
    known_failure(
        r"\b(?:mpirun|mpiexec|trtllm-build|trtllm-bench): (?:command )?not found"
        r"|No such file or directory: '(?:[^']*/)?(?:mpirun|mpiexec|trtllm-build|trtllm-bench)'",
        "a program of the stage is not on its PATH",
        "`trtbench-tui doctor PROFILE` shows what is missing; set PATH in launch.env, or launch.python",
    ),
    # --- MPI and the network -------------------------------------------------------------------------------
    known_failure(
        r"An error occurred in MPI_Init|OPAL ERROR: Unreachable",
        "MPI could not start in a rank",
        "install mpi4py >= 4.0 for the MPI of mpirun, and unset SLURM_* and PMI* in launch.env",
    ),
    known_failure(
        r"[Aa]ddress already in use",
        "another program uses the network port",
        "end that program, or choose another port",
        may_go_on=True,
    ),
)
