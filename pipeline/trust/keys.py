"""The keys that this machine signs with: a local file for each role by default, a key service by its address."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    AWSSigner,
    CryptoSigner,
    Signature,
    Signer,
    SSlibKey,
    VaultSigner,
)

from pipeline.host import lock
from pipeline.host.files import write_atomically
from pipeline.model.errors import TollgateError
from pipeline.model.trust import PublicKey, Role
from pipeline.trust.envelope import verifier

_MAX_KEY_BYTES = 64 * 1024
_LOCAL = "file2"
_ODD = "?#~%"
VARIABLE = "TOLLGATE_SIGNER_"
"""`TOLLGATE_SIGNER_BUILDER` and so on: the address of the key of that role."""


class KeyFileError(TollgateError):
    """A key cannot be used as it lies there."""


@dataclass(frozen=True, slots=True)
class RoleKey:
    """A key that can sign.

    Attributes:
        public: The key by which others verify.
    """

    public: PublicKey
    _signer: Signer = field(repr=False)

    def sign(self, content: bytes) -> Signature:
        """Return the signature over exactly these bytes.

        Raises:
            TollgateError: The key service does not answer, or refuses.
        """
        try:
            signature = self._signer.sign(content)
        except Exception as error:  # signers raise what their services' libraries raise
            message = f"the {self.public.role} key did not sign: {_words(error)}"
            raise TollgateError(
                message, "see that its service answers and that you may use the key"
            ) from error
        return Signature(self.public.keyid, signature.signature)


@dataclass(frozen=True)
class Keys:
    """The keys of one person on one machine, one for each role.

    Attributes:
        folder: Where local keys are, mode 0700, outside git.
        uris: Addresses of the keys that are elsewhere; `TOLLGATE_SIGNER_<ROLE>` goes first.
        person: Whose keys they are.
    """

    folder: Path
    uris: Mapping[Role, str]
    person: str
    _asked: dict[str, RoleKey] = field(default_factory=dict, init=False, repr=False, compare=False)

    def public(self, role: Role) -> PublicKey:
        """Return the public key of a role; a local key is made on first use.

        Raises:
            TollgateError: The key cannot be read, made or asked for.
        """
        return self.signer(role).public

    def signer(self, role: Role) -> RoleKey:
        """Return the key of a role, ready to sign; a local key is made on first use.

        A local file's mode and owner are looked at each time, not only when it is made.

        Raises:
            TollgateError: The key cannot be read, made or asked for, or others may read it.
        """
        uri = os.environ.get(VARIABLE + role.upper()) or self.uris.get(role)
        if uri is None:
            return self._local(role, self._made(role))
        scheme = uri.partition(":")[0]
        if scheme == _LOCAL:
            return self._local(role, _path_of(uri))
        return self._remote(role, uri, scheme)

    def _made(self, role: Role) -> Path:
        """Return the place of the role's key file, made if there is none; two runs at once make one key."""
        path = self.folder / f"{role}.pem"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.folder.stat()
        except OSError as error:
            message = f"the folder of keys {self.folder} cannot be used: {error.strerror or error}"
            raise KeyFileError(message, "free space or permissions there, then run again") from error
        _refuse_open(self.folder, found, "700")
        if not os.path.lexists(path):
            with lock.hold(self.folder / ".lock", f"making the {role} key", wait_seconds=30):
                if not os.path.lexists(path):
                    write_atomically(path, CryptoSigner.generate_ed25519().private_bytes, 0o600)
        return path

    def _local(self, role: Role, path: Path) -> RoleKey:
        content = _read_private(path)
        try:
            private = load_pem_private_key(content, password=None)
            made = SSlibKey.from_crypto(private.public_key())
            signer = CryptoSigner(private, made)
        except TypeError:
            message = f"the key file {path} is locked by a passphrase, which nobody is there to type"
            hint = "give a key service's address instead, or a key file without one"
            raise KeyFileError(message, hint) from None
        except (ValueError, UnsupportedAlgorithm):
            message = f"the key file {path} holds no private key that Tollgate can sign with"
            raise KeyFileError(message, "restore it, or move it away so that a new key is made") from None
        return RoleKey(self._public(role, made), signer)

    def _public(self, role: Role, found: SSlibKey) -> PublicKey:
        """Return a key as others know it.

        Raises:
            RefusedError: Its scheme is not one that counts.
        """
        return PublicKey.of(role, found.scheme, found.keyval["public"], " ".join(self.person.split()))

    def _remote(self, role: Role, uri: str, scheme: str) -> RoleKey:
        """Return a key that a service holds, asked for once.

        Its public part is `<role>.pub` in the folder of keys where an operator has put it there; else the service
        is asked for it.
        """
        if uri in self._asked:
            return self._asked[uri]
        if scheme not in SIGNER_FOR_URI_SCHEME:
            known = ", ".join(sorted(SIGNER_FOR_URI_SCHEME))
            message = f"the {role} key has an address of the kind {scheme!r}; known are {known}"
            raise KeyFileError(message, f"set {VARIABLE}{role.upper()} to, say, `awskms:` and the key's id")
        try:
            found = self._pinned(role) or _ask(role, uri, scheme)
            public = self._public(role, found)
            signer = Signer.from_priv_key_uri(uri, verifier(public))
        except TollgateError:
            raise
        except Exception as error:  # signers raise what their services' libraries raise
            message = f"the {role} key {uri} cannot be used: {_words(error)}"
            raise KeyFileError(
                message, "see that its service answers and that you may use the key"
            ) from error
        return self._asked.setdefault(uri, RoleKey(public, signer))

    def _pinned(self, role: Role) -> SSlibKey | None:
        try:
            content = (self.folder / f"{role}.pub").read_bytes()
        except FileNotFoundError:
            return None
        return SSlibKey.from_crypto(load_pem_public_key(content))


def _ask(role: Role, uri: str, scheme: str) -> SSlibKey:
    """Return the public key of an address, asked of its service."""
    name = uri.partition(":")[2]
    if scheme == AWSSigner.SCHEME:
        return AWSSigner.import_(name)[1]
    if scheme == VaultSigner.SCHEME:
        newest, found = VaultSigner.import_(name.partition("/")[0])
        if newest == uri:
            return found
    message = f"the public part of the {role} key {uri} is not known"
    raise KeyFileError(message, f"put it, as PEM, into {role}.pub in the folder of keys")


def _path_of(uri: str) -> Path:
    """Return the file that a `file2:` address names; what the library would misread is refused.

    Raises:
        KeyFileError: The path is relative or holds a character that has a meaning in an address.
    """
    name = uri.partition(":")[2]
    odd = [character for character in _ODD if character in name]
    if odd or not name.startswith("/") or name.startswith("//"):
        wrong = f"holds {' and '.join(repr(each) for each in odd)}" if odd else "is not an absolute path"
        message = f"the key address {uri} {wrong}, which a `file2:` address cannot say"
        raise KeyFileError(
            message, "write the whole path, from `/`, and rename what has one of ? # ~ % in it"
        )
    return Path(name)


def _read_private(path: Path) -> bytes:
    """Return a private key's bytes, if nobody but its owner could read or change them.

    Raises:
        KeyFileError: It is a link, not a file, somebody else's, or open to others.
    """
    try:
        # What is looked at is what is read: one open file, never a link.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            message = f"the key file {path} is a link, so its mode says nothing of the key"
            raise KeyFileError(message, "put the key itself there, or name its own place") from None
        message = f"the key file {path} cannot be read: {error.strerror or error}"
        raise KeyFileError(message, "restore it, or check its permissions") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            message = f"the key file {path} is no file"
            raise KeyFileError(message, "move it away so that a new key is made")
        _refuse_open(path, found, "600")
        return os.read(descriptor, _MAX_KEY_BYTES)
    finally:
        os.close(descriptor)


def _refuse_open(path: Path, found: os.stat_result, mode: str) -> None:
    if found.st_uid != os.geteuid():
        message = f"{path} belongs to another user, who could sign in your name"
        raise KeyFileError(message, "use a key of your own")
    if found.st_mode & 0o077:
        message = f"others may use {path}: its mode is {stat.S_IMODE(found.st_mode):04o}"
        hint = f"if nobody did, `chmod {mode} {path}`; else revoke the key and make another one"
        raise KeyFileError(message, hint)


def _words(error: Exception) -> str:
    """Return what an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
