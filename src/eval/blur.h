/* Gaussian blur of a plane of floats. */
#ifndef DR_EVAL_BLUR_H
#define DR_EVAL_BLUR_H

/** The sigma at which half of the amplitude of this wavelength is left: exp(-2 pi^2 sigma^2 / wavelength^2) = 1/2. */
float dr_blur_sigma(float wavelength);

/** Half a kernel whose sum over both sides is 1, into weight[most + 1]; returns its radius. */
int dr_blur_kernel(float sigma, float *weight, int most);

/** v [height][width] in place; beyond the border there are zeros. `spare` is of the same size. */
void dr_blur(float *v, float *spare, int width, int height, float sigma);

#endif
