"""What a code costs: the divergence of its posterior from the prior N(0, I), in nats."""

from regthesis.kernels.shapes import Float, Number, Tensor


def kl_of_each(mu: Float[Tensor, "*b z"], log_variance: Float[Tensor, "*b z"]) -> Float[Tensor, "*b z"]:
    """KL of N(mu, sigma^2) from N(0, 1) in nats, for each number of each code."""
    return 0.5 * (log_variance.exp() + mu.square() - 1 - log_variance)


def kl_to_prior(mu: Float[Tensor, "b z"], log_variance: Float[Tensor, "b z"]) -> Float[Tensor, ""]:
    """KL of N(mu, diag(sigma^2)) from N(0, I) in nats, the mean over the batch (before Eq. 4.9, with mu squared)."""
    return kl_of_each(mu, log_variance).sum(1).mean()


def kl_with_free_bits(
    mu: Float[Tensor, "b z"], log_variance: Float[Tensor, "b z"], free_bits: Number
) -> Float[Tensor, ""]:
    """`kl_to_prior`, where each number of z costs `free_bits` nats at least, whatever it says (Kingma et al. 2016).

    The KL of a number is the mean over the batch. Below `free_bits` it has no gradient: nothing drives the number to
    say less.
    """
    return kl_of_each(mu, log_variance).mean(0).clamp(min=free_bits).sum()
