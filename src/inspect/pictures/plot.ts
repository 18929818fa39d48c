// What we use of the library that draws, Observable Plot (on D3). The build makes one small file of this
// page, which is loaded when something is drawn. Read next: picture.ts.

export {
  areaY, axisX, axisY, dot, gridX, gridY, lineY, type Markish, plot, type PlotOptions, type RenderFunction,
  ruleX, ruleY, scale, type ScaleOptions, text,
} from '@observablehq/plot'
